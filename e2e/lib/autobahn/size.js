// Sections 9.1 and 10.1, messages from 64 KiB to 16 MiB and one in many fragments; with 9.2, the same in binary.

import { binary, echoed, filling, fragments, row, sized, text } from "./row.js";

const KIB = 1024;
const SIZES = [64 * KIB, 256 * KIB, 1024 * KIB, 4096 * KIB, 8192 * KIB, 16384 * KIB];
const FRAGMENTED = 65536;
const FRAGMENT = 1300;

export const size = [
  ...SIZES.map((bytes, at) => row(`9.1.${at + 1}`, `a text of ${bytes / KIB} KiB`, {
    send: [text(sized(bytes))], hears: [echoed(filling(bytes))],
  })),
  ...SIZES.map((bytes, at) => row(`9.2.${at + 1}`, `a binary message of ${bytes / KIB} KiB`, {
    send: [binary(Buffer.alloc(bytes, 0xfe))], fails: 4400,
  })),
  row("10.1.1", `a text of ${FRAGMENTED} bytes in fragments of ${FRAGMENT}`, {
    send: fragments(sized(FRAGMENTED), FRAGMENT), hears: [echoed(filling(FRAGMENTED))],
  }),
];
