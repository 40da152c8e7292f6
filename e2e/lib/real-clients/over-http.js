// GraphQL over HTTP as a table: what a request is, and the status and media type of its answer.
//
// Sections are those of the specification's draft of August 2026. Where that draft and graphql-http's audits differ the
// audits hold, since they are what released servers and clients do: the draft of July 2026 turned 400 into 422 for what is
// well-formed but cannot be run, 200 into 294 for partial results, and gave `application/json` the same status codes as
// `application/graphql-response+json`. Those rows are marked with `audits`.

export const JSON_TYPE = "application/json";
export const GRAPHQL_TYPE = "application/graphql-response+json";

const QUERY = "{ employees { id } }";
const TWO = "query One { __typename } query Two { employees { id } }";
const TYPED = "query Typed($name: String!) { __type(name: $name) { name } }";

const post = (body, headers = {}) => ({ method: "POST", headers: { "content-type": JSON_TYPE, ...headers }, body: typeof body === "string" ? body : JSON.stringify(body) });
const get = (parameters) => ({ method: "GET", search: new URLSearchParams(parameters) });

/** `Accept` and the type of a query's answer; `null` is no header, and no type is 406. */
export const accepts = [
  ["Accept: none, so the server's choice (audit 80D8)", null, JSON_TYPE],
  ["Accept: empty", "", JSON_TYPE],
  ["Accept: anything (audit 47DE)", "*/*", JSON_TYPE],
  ["Accept: any application type", "application/*", JSON_TYPE],
  ["Body: a legacy client", JSON_TYPE, JSON_TYPE],
  ["Body: GraphQL's own type", GRAPHQL_TYPE, GRAPHQL_TYPE],
  ["Accept: as a client should send it", `${GRAPHQL_TYPE}, ${JSON_TYPE};q=0.9`, GRAPHQL_TYPE],
  ["Body: the highest priority, whatever the order", `${JSON_TYPE};q=0.9, ${GRAPHQL_TYPE}`, GRAPHQL_TYPE],
  ["Body: the highest priority is plain JSON", `${JSON_TYPE}, ${GRAPHQL_TYPE};q=0.5`, JSON_TYPE],
  ["Body: the first of equals", `${GRAPHQL_TYPE}, ${JSON_TYPE}`, GRAPHQL_TYPE],
  ["Body: one that is refused", `${GRAPHQL_TYPE};q=0, ${JSON_TYPE}`, JSON_TYPE],
  ["RFC 9110 §12.5.1: the closest range says the quality", `*/*, ${JSON_TYPE};q=0`, GRAPHQL_TYPE],
  ["RFC 9110 §12.5.1: a name beats a wildcard", `*/*;q=0.8, ${GRAPHQL_TYPE}`, GRAPHQL_TYPE],
  ["RFC 9110 §8.3.1: names have no case", "Application/GraphQL-Response+JSON", GRAPHQL_TYPE],
  ["Media Types: with the encoding", `${GRAPHQL_TYPE}; charset=utf-8`, GRAPHQL_TYPE],
  ["Media Types: plain JSON with the encoding, in quotes", `${JSON_TYPE}; charset="utf-8"`, JSON_TYPE],
  ["Body: beside what is not served", `text/html, ${JSON_TYPE};q=0.1`, JSON_TYPE],
  ["Body: not acceptable", "text/html", undefined],
  ["Body: nothing of the kind is acceptable", "image/*, text/plain", undefined],
  ["Body: all that there is, refused", `${JSON_TYPE};q=0, ${GRAPHQL_TYPE};q=0`, undefined],
];

/** What is asked, and the status for a client that accepts plain JSON and for one that accepts GraphQL's own type. */
export const requests = [
  ["POST: a query", post({ query: QUERY }), 200, 200],
  ["POST: a mutation", post({ query: "mutation { touchEmployee(id: 1) { success } }" }), 200, 200],
  ["GET: a query", get({ query: QUERY }), 200, 200],
  ["GET: variables and operationName", get({ query: TYPED, operationName: "Typed", variables: '{"name":"Query"}', extensions: "{}" }), 200, 200],
  ["GET: empty optional parameters are none", get({ query: QUERY, operationName: "", variables: "", extensions: "" }), 200, 200],
  ["GET: operationName=null is a name", get({ query: "query null { __typename } query b { __typename }", operationName: "null" }), 200, 200],
  ["JSON Encoding: null for what is optional", post({ query: QUERY, operationName: null, variables: null, extensions: null }), 200, 200],
  ["JSON Encoding: properties that are not understood are ignored", post({ query: QUERY, documentId: "x", more: [1] }), 200, 200],
  ["JSON Encoding: one of two operations", post({ query: TWO, operationName: "Two" }), 200, 200],
  ["Media Types: UTF-8 in any plane", post({ query: '{ __type(name: "Run🏃Swim🏊") { name } }' }, { "content-type": `${JSON_TYPE}; charset=utf-8` }), 200, 200],
  ["Media Types: the encoding in capitals and quotes", post({ query: QUERY }, { "content-type": `${JSON_TYPE};charset="UTF-8"` }), 200, 200],
  ["RFC 9110 §8.3.1: Content-Type has no case", post({ query: QUERY }, { "content-type": "Application/JSON" }), 200, 200],

  ["Document parsing failure (audits 572B, 556A)", post({ query: "{" }), 200, 400, "audits"],
  ["Document parsing failure: an empty document", post({ query: "" }), 200, 400, "audits"],
  ["Document parsing failure by GET", get({ query: "{" }), 200, 400, "audits"],
  ["Document validation failure (audits FDE2, 74FF)", post({ query: "{ nothing }" }), 200, 400, "audits"],
  ["Document validation failure by GET", get({ query: "{ nothing }" }), 200, 400, "audits"],
  ["Variable coercion failure (audits 7B9B, 86EE)", post({ query: TYPED, variables: { name: null } }), 200, 400, "audits"],
  ["Variable coercion failure: a variable that is missing", post({ query: TYPED }), 200, 400, "audits"],
  ["Variable coercion failure by GET", get({ query: TYPED, variables: '{"name":7}' }), 200, 400, "audits"],
  ["Operation cannot be determined: no such name", post({ query: QUERY, operationName: "Nobody" }), 200, 400, "audits"],
  ["Operation cannot be determined: two and no name", post({ query: TWO }), 200, 400, "audits"],
  ["Operation cannot be determined: only fragments", post({ query: "fragment F on Query { __typename }" }), 200, 400, "audits"],

  ["JSON parsing failure (audits BCF8, B7N8)", post("NONSENSE"), 400, 400],
  ["JSON parsing failure: it ends early", post('{"query":'), 400, 400],
  ["JSON parsing failure: more behind it", post('{"query":"{ __typename }"} x'), 400, 400],
  ["JSON parsing failure: no body (audit A5BF)", { method: "POST", headers: { "content-type": JSON_TYPE } }, 400, 400],
  ["JSON parsing failure: an empty body", post(""), 400, 400],
  ["JSON parsing failure: no UTF-8", post(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]).toString("latin1")), 400, 400],
  ["Invalid parameters: no query (audit 423L)", post({ qeury: QUERY }), 400, 400, "audits"],
  ["Invalid parameters: no query by GET", get({ variables: "{}" }), 400, 400, "audits"],
  ["Invalid parameters: query is no string", post({ query: ["{ __typename }"] }), 400, 400, "audits"],
  ["Invalid parameters: query is null", post({ query: null }), 400, 400, "audits"],
  ["Invalid parameters: operationName is no string", post({ query: QUERY, operationName: 7 }), 400, 400, "audits"],
  ["Invalid parameters: variables are a list", post({ query: QUERY, variables: [7] }), 400, 400, "audits"],
  ["Invalid parameters: variables are a string", post({ query: QUERY, variables: "{}" }), 400, 400, "audits"],
  ["Invalid parameters: extensions are a string", post({ query: QUERY, extensions: "x" }), 400, 400, "audits"],
  ["Invalid parameters: variables by GET are no JSON", get({ query: QUERY, variables: "{" }), 400, 400],
  ["Invalid parameters: variables by GET are a list", get({ query: QUERY, variables: "[1]" }), 400, 400, "audits"],
  ["JSON Encoding: a batch is no map", post([{ query: QUERY }, { query: QUERY }]), 400, 400, "audits"],
  ["JSON Encoding: a string is no map", post('"{ __typename }"'), 400, 400, "audits"],

  ["GET: a mutation (audit 9C48)", get({ query: "mutation { touchEmployee(id: 1) { success } }" }), 405, 405],
  ["GET: a mutation among others, by its name", get({ query: "query Q { __typename } mutation M { touchEmployee(id: 1) { success } }", operationName: "M" }), 405, 405],
  ["GET: a query among mutations, by its name", get({ query: "query Q { __typename } mutation M { touchEmployee(id: 1) { success } }", operationName: "Q" }), 200, 200],
  ["Status Codes: a method that is not supported", { method: "PATCH", headers: { "content-type": JSON_TYPE }, body: "{}" }, 405, 405],
  ["Status Codes: a method that nobody knows", { method: "BREW", headers: { "content-type": JSON_TYPE }, body: "{}" }, 405, 405],
  ["Status Codes: a subscription, without a stream among what is accepted", post({ query: "subscription { ticks { sequence } }" }), 406, 406],

  ["POST: no Content-Type (audit 9ABE)", { method: "POST", body: JSON.stringify({ query: QUERY }) }, 415, 415],
  ["Status Codes: text/plain, which a browser sends across origins", post({ query: QUERY }, { "content-type": "text/plain" }), 415, 415],
  ["Status Codes: a form, which a browser sends across origins", post("query=%7B__typename%7D", { "content-type": "application/x-www-form-urlencoded" }), 415, 415],
  ["Status Codes: a multipart form", post("--x--", { "content-type": "multipart/form-data; boundary=x" }), 415, 415],
  ["Media Types: another encoding than UTF-8", post({ query: QUERY }, { "content-type": `${JSON_TYPE}; charset=iso-8859-1` }), 415, 415],
  ["Status Codes: a body over limits.request_bytes_max", post({ query: `#${"x".repeat(70_000)}\n${QUERY}` }), 413, 413],
];
