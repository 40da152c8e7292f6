// The console page: GraphiQL on the router's own endpoint, with the tabs that the server prepared.

import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";
import { createFetcher } from "./fetcher.js";
import { createStatus } from "./status.js";
import "./console.css";

const config = JSON.parse(document.getElementById("tidegate-config").textContent);
const tabs = config.tabs ?? [];

// What an earlier visit left in the browser must not replace prepared tabs, so their storage ends with the page.
// GraphiQL reads the first tab's headers from there and from nowhere else.
function memoryStorage() {
  const items = new Map(tabs[0]?.headers ? [["graphiql:headers", tabs[0].headers]] : []);
  return {
    get length() {
      return items.size;
    },
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
    clear: () => items.clear(),
  };
}

const fetcher = createFetcher(
  config.endpoint ?? "/graphql",
  createStatus(document.getElementById("status")),
);

const prepared = tabs.length > 0 ? { defaultTabs: tabs, storage: memoryStorage() } : {};

createRoot(document.getElementById("console")).render(
  <GraphiQL fetcher={fetcher} defaultEditorToolsVisibility="headers" {...prepared}>
    <GraphiQL.Logo>
      <span className="wordmark">{config.title ?? "Tidegate"}</span>
    </GraphiQL.Logo>
  </GraphiQL>,
);
