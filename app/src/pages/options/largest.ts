/** The largest size that is allowed, when every smaller one is allowed as well. */
export function largest(isAllowed: (size: bigint) => boolean, most: bigint): bigint {
  if (most <= 0n || !isAllowed(1n)) return 0n;
  let allowed = 1n;
  let refused: bigint | null = null;
  while (allowed < most && refused === null) {
    const doubled: bigint = allowed * 2n < most ? allowed * 2n : most;
    if (isAllowed(doubled)) allowed = doubled;
    else refused = doubled;
  }
  while (refused !== null && refused - allowed > 1n) {
    const middle: bigint = (allowed + refused) / 2n;
    if (isAllowed(middle)) allowed = middle;
    else refused = middle;
  }
  return allowed;
}
