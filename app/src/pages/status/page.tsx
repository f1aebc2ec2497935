export function StatusPage() {
  return <h1 className="text-lg font-semibold">Status</h1>;
}
