export function OptionsPage() {
  return <h1 className="text-lg font-semibold">Options</h1>;
}
