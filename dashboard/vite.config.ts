import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const FIRST_LOAD_KILOBYTES = 150;

/** Fails the build when what the first page needs weighs more than the budget, gzipped. */
function firstLoadBudget(): Plugin {
  return {
    name: "first-load-budget",
    generateBundle(_, bundle) {
      const needed = new Set<string>();
      const add = (name: string): void => {
        const chunk = bundle[name];
        if (needed.has(name) || chunk?.type !== "chunk") return;
        needed.add(name);
        chunk.imports.forEach(add);
      };
      for (const chunk of Object.values(bundle)) if (chunk.type === "chunk" && chunk.isEntry) add(chunk.fileName);
      const sources = [...needed]
        .map((name) => bundle[name])
        .map((chunk) => (chunk?.type === "chunk" ? chunk.code : ""));
      for (const asset of Object.values(bundle))
        if (asset.type === "asset" && asset.fileName.endsWith(".css")) sources.push(asset.source.toString());
      const kilobytes = sources.reduce((sum, source) => sum + gzipSync(source).length, 0) / 1000;
      this.info(`first load: ${kilobytes.toFixed(1)} kB gzipped (budget ${FIRST_LOAD_KILOBYTES})`);
      if (kilobytes > FIRST_LOAD_KILOBYTES)
        this.error(`first load ${kilobytes.toFixed(1)} kB > ${FIRST_LOAD_KILOBYTES} kB`);
    },
  };
}

export default defineConfig({
  plugins: [react(), tailwindcss(), firstLoadBudget()],
  resolve: { alias: { "@": fileURLToPath(new URL("src", import.meta.url)) } },
  build: { outDir: "../src/llmgateway/static", emptyOutDir: true, assetsInlineLimit: 0 },
  server: { proxy: { "/api": "http://127.0.0.1:8080", "/v1": "http://127.0.0.1:8080" } },
});
