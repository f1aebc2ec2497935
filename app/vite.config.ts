import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// `npm run dev` takes network.json, the faucet and prices from a localnet that runs beside it.
const localnet = process.env.BALLAST_APP_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  server: {
    // The localnet takes orders from its own pages only, so the origin stays.
    proxy: Object.fromEntries(
      ["/network.json", "/faucet", "/price"].map((path) => [
        path,
        { target: localnet, changeOrigin: false },
      ]),
    ),
  },
  build: { target: "es2022", assetsInlineLimit: 0 },
  // The generated client asks for it; a browser has no process.
  define: { "process.env.NODE_ENV": JSON.stringify(process.env.NODE_ENV) },
  test: {
    environment: "node",
    include: ["src/**/*.test.{ts,tsx}"],
    globals: false,
  },
});
