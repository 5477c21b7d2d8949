import { readdirSync } from "node:fs";
import { URL } from "node:url";

import js from "@eslint/js";
import a11y from "eslint-plugin-jsx-a11y";
import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

// Imports go one way: routes -> features -> components -> lib. Features are strangers to each other.
const above = {
  lib: ["@/components/*", "@/features/*", "@/routes/*"],
  components: ["@/features/*", "@/routes/*"],
  features: ["@/routes/*"],
};
const oneWay = Object.entries(above).map(([floor, group]) => ({
  files: [`src/${floor}/**`],
  rules: {
    "no-restricted-imports": ["error", { patterns: [{ group, message: `${floor} imports nothing above it` }] }],
  },
}));

const strangers = readdirSync(new URL("src/features", import.meta.url)).map((feature) => ({
  files: [`src/features/${feature}/**`],
  rules: {
    "no-restricted-imports": [
      "error",
      {
        patterns: [
          { group: above.features, message: "features imports nothing above it" },
          { group: ["@/features/*/*", `!@/features/${feature}/*`], message: "features are strangers to each other" },
        ],
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ["node_modules", "src/lib/api/schema.gen.ts", "public"] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  hooks.configs.flat["recommended-latest"],
  a11y.flatConfigs.recommended,
  {
    files: ["src/**/*.{ts,tsx}", "vite.config.ts"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "max-lines": ["error", 250],
      "max-lines-per-function": ["error", 150],
      complexity: ["error", 15],
      "no-restricted-globals": ["error", { name: "fetch", message: "Ask with the generated client (lib/api/client)." }],
      "@typescript-eslint/no-confusing-void-expression": "off",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/only-throw-error": [
        "error",
        { allow: [{ from: "package", package: "@tanstack/router-core", name: "Redirect" }] },
      ],
      "@typescript-eslint/no-unused-vars": ["error", { ignoreRestSiblings: true }],
      "jsx-a11y/no-autofocus": "off",
      "jsx-a11y/label-has-associated-control": "off",
    },
  },
  { files: ["*.js"], extends: [tseslint.configs.disableTypeChecked] },
  ...oneWay,
  ...strangers,
);
