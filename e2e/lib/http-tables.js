// What HTTP clients ask for and what they break, as tables: Accept headers, request smuggling, texts inside of events.

const SSE = "text/event-stream; charset=utf-8";
const APOLLO = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0";
const INCREMENTAL = 'multipart/mixed;boundary="-"';
const JSON_TYPE = "application/json; charset=utf-8";
const GRAPHQL = "application/graphql-response+json; charset=utf-8";

/** [Accept (a list is several header lines), content type of a subscription, that of a query]; 406 where none is served. */
export const ACCEPTS = [
  [undefined, 406, JSON_TYPE],
  ["", 406, JSON_TYPE],
  ["*/*", 406, JSON_TYPE],
  ["application/json", 406, JSON_TYPE],
  ["application/*", 406, JSON_TYPE],
  ["application/graphql-response+json", 406, GRAPHQL],
  ["text/html, */*;q=0.8", 406, JSON_TYPE],
  ["image/png", 406, 406],
  ["text/event-stream", SSE, SSE],
  ["Text/Event-Stream", SSE, SSE],
  ["text/event-stream; charset=utf-8", SSE, SSE],
  ["text/*", SSE, SSE],
  ["text/event-stream;q=0", 406, 406],
  ["text/event-stream;q=0, */*", 406, JSON_TYPE],
  ["text/event-stream;q=0.001", SSE, SSE],
  ["application/json, text/event-stream", SSE, JSON_TYPE],
  ["text/event-stream;q=0.5, application/json", SSE, JSON_TYPE],
  ["application/json;q=0.5, text/event-stream", SSE, SSE],
  ["*/*;q=0.1, text/event-stream", SSE, SSE],
  ["application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed", SSE, GRAPHQL],
  ["multipart/mixed;subscriptionSpec=1.0", APOLLO, APOLLO],
  ["multipart/mixed; subscriptionSpec=1.0", APOLLO, APOLLO],
  ['multipart/mixed;subscriptionSpec="1.0"', APOLLO, APOLLO],
  ["multipart/mixed;boundary=graphql;subscriptionSpec=1.0", APOLLO, APOLLO],
  ['multipart/mixed;boundary="graphql";subscriptionSpec=1.0', APOLLO, APOLLO],
  ['multipart/mixed;boundary="a,b;c";subscriptionSpec=1.0', APOLLO, APOLLO],
  ["multipart/mixed;SUBSCRIPTIONSPEC=1.0", APOLLO, APOLLO],
  ["application/json, multipart/mixed;subscriptionSpec=1.0", APOLLO, JSON_TYPE],
  ["multipart/mixed;subscriptionSpec=1.0;q=0.9, application/json", APOLLO, JSON_TYPE],
  ["multipart/mixed", INCREMENTAL, INCREMENTAL],
  ["multipart/mixed;deferSpec=20220824", INCREMENTAL, INCREMENTAL],
  ["multipart/mixed;deferSpec=20220824, application/json", INCREMENTAL, undefined],
  ["application/json, multipart/mixed;deferSpec=20220824", INCREMENTAL, JSON_TYPE],
  ["multipart/mixed;q=0.1, text/event-stream;q=0.9", SSE, SSE],
  ["multipart/mixed;q=0.9, text/event-stream;q=0.1", INCREMENTAL, INCREMENTAL],
  ["multipart/mixed;subscriptionSpec=1.0;q=0.3, multipart/mixed;q=0.8", INCREMENTAL, INCREMENTAL],
  ["multipart/mixed;subscriptionSpec=1.0;q=0.8, multipart/mixed;q=0.3", APOLLO, APOLLO],
  ["text/event-stream;q=0.8, multipart/mixed;subscriptionSpec=1.0;q=0, multipart/mixed;q=0.9", INCREMENTAL, INCREMENTAL],
  [["application/json", "text/event-stream"], SSE, JSON_TYPE],
];

/** Texts that would end an event, a part or a chunk, were they not escaped. */
export const TEXTS = [
  "data: x\n\ndata: y", "\n\n", "\r\n\r\n", "\r", "event: complete\ndata:\n\n", ":", ": a comment", "id: 1", "retry: 1",
  "\uFEFFa mark", "a\u2028b\u2029c\u0085d", "\r\n--graphql\r\n", "\r\n--graphql--\r\n", "--graphql", "\r\n---\r\n", "\r\n-----\r\n",
  "content-type: application/json\r\n\r\n{}", '{"hasNext":false}', '{"payload":null}', "0\r\n\r\n", "1\r\na\r\n", "\0", "\u001f\u007f",
  "😀", "\\", '"', "\\u0000", "</script>", "", " ", "x".repeat(70_000),
];

const HIDDEN = "GET /graphql?query=%7Bsmuggled%3A__typename%7D HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n";
const CHUNK = `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`;
const LENGTH = `Content-Length: ${HIDDEN.length}`;

/** [what, header lines, body]: a POST that holds another request, which must never be answered.
 *  With a length and chunks both, nothing on its connection may be answered behind it (RFC 9112 §6.1). */
export const SMUGGLED = [
  ["length and chunks, hidden behind the chunks", [`Content-Length: ${HIDDEN.length + 5}`, "Transfer-Encoding: chunked"], `0\r\n\r\n${HIDDEN}`],
  ["chunks and length, hidden behind the chunks", ["Transfer-Encoding: chunked", `Content-Length: ${HIDDEN.length + 5}`], `0\r\n\r\n${HIDDEN}`],
  ["length and chunks, hidden in a chunk", ["Content-Length: 4", "Transfer-Encoding: chunked"], CHUNK],
  ["an encoding that is almost chunked", [LENGTH, "Transfer-Encoding: xchunked"], `0\r\n\r\n${HIDDEN}`],
  ["chunked, then another", ["Transfer-Encoding: chunked, identity", LENGTH], `0\r\n\r\n${HIDDEN}`],
  ["two encodings in two lines", ["Transfer-Encoding: chunked", "Transfer-Encoding: identity", LENGTH], `0\r\n\r\n${HIDDEN}`],
  ["a space before the colon", [LENGTH, "Transfer-Encoding : chunked"], `0\r\n\r\n${HIDDEN}`],
  ["a folded header", [LENGTH, "Transfer-Encoding:\r\n chunked"], `0\r\n\r\n${HIDDEN}`],
  ["a tab before the encoding's name", [LENGTH, "Transfer-Encoding: \x0bchunked"], `0\r\n\r\n${HIDDEN}`],
  ["two lengths", ["Content-Length: 0", LENGTH], HIDDEN],
  ["two lengths, the other way around", [LENGTH, "Content-Length: 0"], HIDDEN],
  ["two lengths in one line", ["Content-Length: 0, 96"], HIDDEN],
  ["a length with a sign", ["Content-Length: +0"], HIDDEN],
  ["a length below zero", ["Content-Length: -1"], HIDDEN],
  ["a hexadecimal length", ["Content-Length: 0x0"], HIDDEN],
  ["an endless length", ["Content-Length: 99999999999999999999"], HIDDEN],
  ["no length, and no chunks", ["Transfer-Encoding: identity"], HIDDEN],
  ["a chunk size that overflows", ["Transfer-Encoding: chunked"], `10000000000000000\r\n${HIDDEN}`],
  ["a chunk size below zero", ["Transfer-Encoding: chunked"], `-1\r\n${HIDDEN}`],
  ["a chunk longer than it says", ["Transfer-Encoding: chunked"], `1\r\nab\r\n0\r\n\r\n${HIDDEN}`],
  ["a chunk that a bare line feed ends", ["Transfer-Encoding: chunked"], `1;a\nb\r\n0\r\n\r\n${HIDDEN}`],
];
export const HIDDEN_REQUEST = HIDDEN;

const HEAD = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

/** How clients begin that then send a byte a second, or (`isMute`) nothing; `status`: what they are told at the end. */
export const CRAWLERS = [
  { what: "the first line", start: "P", status: 408 },
  { what: "a head", start: HEAD, status: 408 },
  { what: "a body", start: `${HEAD}Content-Length: 5000\r\n\r\n{`, status: 408 },
  { what: "a chunk", start: `${HEAD}Transfer-Encoding: chunked\r\n\r\n1388\r\n{`, status: 408 },
  { what: "nothing", start: "", isMute: true },
  { what: "an HTTP/2 preface", start: "PRI * HT", isMute: true },
  { what: "an HTTP/2 connection that asks for nothing", start: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", isMute: true },
];
