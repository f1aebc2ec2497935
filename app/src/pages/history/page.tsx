export function HistoryPage() {
  return <h1 className="text-lg font-semibold">History</h1>;
}
