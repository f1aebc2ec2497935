export function SimulatorPage() {
  return <h1 className="text-lg font-semibold">Simulator</h1>;
}
