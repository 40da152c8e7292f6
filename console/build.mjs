// Bundles the page into dist/: index.html, console.js.gz, console.css.gz, licenses.txt.
// `--check` builds into memory and fails if what is committed differs (compared unpacked, so that another
// zlib cannot fail it).

import { readFile, writeFile, mkdir } from "node:fs/promises";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = dirname(fileURLToPath(import.meta.url));
const dist = join(root, "dist");

// GraphiQL's stylesheet holds 380 KB of base64 fonts; system fonts do.
const withoutFonts = {
  name: "without-fonts",
  setup(bundler) {
    bundler.onLoad({ filter: /graphiql\/dist\/style\.css$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(/@font-face\s*\{[^}]*\}/g, ""),
      loader: "css",
    }));
  },
};

async function bundle() {
  const result = await build({
    absWorkingDir: root,
    entryPoints: { console: "src/console.jsx" },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    outdir: "dist",
    format: "iife",
    target: "es2022",
    jsx: "automatic",
    legalComments: "none",
    define: { "process.env.NODE_ENV": '"production"' },
    plugins: [withoutFonts],
  });
  const ending = (suffix) => result.outputFiles.find(({ path }) => path.endsWith(suffix)).contents;
  return { js: ending(".js"), css: ending(".css"), inputs: Object.keys(result.metafile.inputs) };
}

function packageFolders(inputs) {
  const folder = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;
  return [...new Set(inputs.map((path) => folder.exec(path)?.[1]).filter(Boolean))].sort();
}

// Some packages ship no licence file; their package.json's field and author stand in for it.
function licenceOf(folder) {
  const about = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  const file = readdirSync(join(root, folder)).find((name) => /^(licen[cs]e|copying)/i.test(name));
  const author = typeof about.author === "string" ? about.author : about.author?.name;
  const text = file
    ? readFileSync(join(root, folder, file), "utf8").trim()
    : `Licensed under ${about.license}${author ? ` by ${author}` : ""}; the package carries no licence text.`;
  return { title: `${about.name} ${about.version} (${about.license})`, text };
}

function notice(inputs) {
  const titles = new Map(); // one copy of each text, under all packages that have it
  for (const { title, text } of packageFolders(inputs).map(licenceOf)) {
    titles.set(text, [...(titles.get(text) ?? []), title]);
  }
  const blocks = [...titles].map(([text, names]) => `${names.join("\n")}\n\n${text}\n`);
  const opening = "The console page bundles these packages. Written by build.mjs from what was bundled.\n";
  return [opening, ...blocks].join(`\n${"-".repeat(78)}\n\n`);
}

const { js, css, inputs } = await bundle();
const files = {
  "index.html": await readFile(join(root, "src/index.html")),
  "console.js.gz": gzipSync(js, { level: 9 }),
  "console.css.gz": gzipSync(css, { level: 9 }),
  "licenses.txt": Buffer.from(notice(inputs)),
};
const unpacked = (name, bytes) => (name.endsWith(".gz") ? gunzipSync(bytes) : bytes);

if (process.argv.includes("--check")) {
  const stale = Object.entries(files).filter(([name, bytes]) => {
    const path = join(dist, name);
    return !existsSync(path) || !unpacked(name, readFileSync(path)).equals(unpacked(name, bytes));
  });
  for (const [name] of stale) console.error(`dist/${name} is not what build.sh makes; run console/build.sh`);
  process.exitCode = stale.length ? 1 : 0;
} else {
  await mkdir(dist, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) {
    await writeFile(join(dist, name), bytes);
    console.log(`${String(bytes.length).padStart(8)}  dist/${name}`);
  }
}
