export function TradePage() {
  return <h1 className="text-lg font-semibold">Trade</h1>;
}
