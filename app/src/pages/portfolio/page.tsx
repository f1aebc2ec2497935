export function PortfolioPage() {
  return <h1 className="text-lg font-semibold">Portfolio</h1>;
}
