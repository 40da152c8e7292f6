// Section 6 from 6.5 on: byte sequences that are UTF-8 and that are not, after Markus Kuhn's decoder stress test.
// Owns the bytes; how they are sent says utf8.js.

import { WORD as BYTES } from "./row.js";

const WORD = BYTES.toString("hex");
const hello = (hex) => `68656c6c6f${hex}776f726c64`;
const range = (from, end, behind = "") =>
  Array.from({ length: end - from }, (_, at) => (from + at).toString(16) + behind).join("");
const GOOD = true, BAD = false;
/** The words of a line, each valid or each not. */
const all = (isValid, line) => line.split(" ").map((hex) => [isValid, hex]);

const HALF = "c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf";
/** The last two code points of each plane, which are no characters: 1fffe, 1ffff … 10fffe, 10ffff. */
const LAST_OF_PLANES = Array.from({ length: 16 }, (_, at) => at + 1)
  .flatMap((plane) => [plane * 0x10000 + 0xfffe, plane * 0x10000 + 0xffff])
  .map((point) => Buffer.from(String.fromCodePoint(point)).toString("hex"));
/** Bytes that begin a sequence, of each length but the last such byte. */
const FIRSTS = [[0xc0, 0xdf], [0xe0, 0xef], [0xf0, 0xf7], [0xf8, 0xfb], [0xfc, 0xfd]];
const HIGH = ["eda080", "edadbf", "edae80", "edafbf"], LOW = ["edb080", "edbfbf"];
/** Where the characters of WORD end. */
const ENDS = [2, 5, 7, 9, 11];

/** Each list is a subsection, in order from 6.5. */
const GROUPS = [
  ["valid", all(GOOD, [hello("24"), hello("c2a2"), hello("e282ac"), hello("f0a4ada2"), WORD].join(" "))],
  ["a prefix", Array.from({ length: BYTES.length }, (_, at) => [ENDS.includes(at + 1), WORD.slice(0, 2 * at + 2)])],
  ["the first of a length", all(GOOD, "00 c280 e0a080 f0908080")],
  ["the first of five and six bytes", all(BAD, "f888808080 fc8480808080")],
  ["the last of a length", all(GOOD, "7f dfbf efbfbf f48fbfbf")],
  ["the last of four, five and six bytes", all(BAD, "f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf")],
  ["a boundary", [...all(GOOD, "ed9fbf ee8080 efbfbd f48fbfbf"), ...all(BAD, "f4908080")]],
  ["continuation bytes alone", all(BAD, `80 bf 80bf 80bf80 80bf80bf 80bf80bf80 80bf80bf80bf ${range(0x80, 0xbf)}`)],
  ["first bytes alone", all(BAD, FIRSTS.map(([from, end]) => range(from, end, "20")).join(" "))],
  ["a last byte missing", all(BAD, HALF)],
  ["last bytes missing", all(BAD, HALF.replaceAll(" ", ""))],
  ["impossible", all(BAD, "fe ff fefeffff")],
  ["overlong ASCII", all(BAD, "c0af e080af f08080af f8808080af fc80808080af")],
  ["the longest overlong", all(BAD, "c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf")],
  ["overlong NUL", all(BAD, "c080 e08080 f0808080 f880808080 fc8080808080")],
  ["a surrogate", all(BAD, "eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf")],
  ["a pair of surrogates", all(BAD, HIGH.flatMap((high) => LOW.map((low) => high + low)).join(" "))],
  ["no character, and valid", all(GOOD, ["efbfbe", "efbfbf", ...LAST_OF_PLANES].join(" "))],
  ["special", all(GOOD, "efbfb9 efbfba efbfbb efbfbc efbfbd efbfbe efbfbf")],
];

export const sequences = GROUPS.flatMap(([what, list], group) => list.map(([isValid, hex], at) => ({
  number: `6.${5 + group}.${at + 1}`,
  what,
  isValid,
  bytes: Buffer.from(hex, "hex"),
  isJson: hex !== "00",
})));
