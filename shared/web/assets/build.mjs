// Builds ../static from govuk-frontend: one style sheet, one module, the icon. Run by `npm run build`.
// The result is committed, so that nobody needs Node to start the product.
import { build } from "esbuild";
import { copyFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as sass from "sass";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const target = here("../static/");

for (const name of readdirSync(target)) rmSync(target + name, { recursive: true });

const { css } = sass.compile(here("app.scss"), {
  loadPaths: [here("node_modules")],
  style: "compressed",
  quietDeps: true,
  charset: false, // else a byte order mark, which behind the notice would take the first rule with it
});
const notice = "/*! Contains GOV.UK Frontend, (c) Crown Copyright, MIT licence: see shared/web/assets/NOTICE */";
writeFileSync(target + "app.css", `${notice}\n${css.trimEnd()}\n`);

await build({
  entryPoints: [here("app.js")],
  outfile: target + "app.js",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2020",
  legalComments: "none",
  banner: { js: notice },
});

copyFileSync(here("icon.svg"), target + "icon.svg");
