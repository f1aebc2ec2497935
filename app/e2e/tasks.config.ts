/** What is run by hand: screenshots for the documentation, and measurements. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["e2e/*.task.ts"],
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 180_000,
  },
});
