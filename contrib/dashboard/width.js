// How many columns a character takes in a terminal: 0 for one that goes onto the character before it, 2 for wide ones.

/** East Asian wide and full-width blocks; emoji, which are as wide, are known to the browser. */
const wide = [
	0x1100, 0x115f, 0x2329, 0x232a, 0x2e80, 0x3029, 0x302e, 0x303e, 0x3041, 0x3098, 0x309b, 0x3247, 0x3250, 0x4dbf,
	0x4e00, 0xa4cf, 0xa960, 0xa97f, 0xac00, 0xd7a3, 0xf900, 0xfaff, 0xfe10, 0xfe19, 0xfe30, 0xfe6f, 0xff01, 0xff60,
	0xffe0, 0xffe6, 0x16fe0, 0x16fe3, 0x16ff0, 0x18d08, 0x1aff0, 0x1b2fb, 0x1f200, 0x1f265, 0x20000, 0x3fffd,
];
const combining = /^(?:[\p{Mn}\p{Me}\p{Cf}]|[\u1160-\u11ff\ud7b0-\ud7fb])$/u;
const emoji = /^\p{Emoji_Presentation}$/u;
const known = new Map();

export function characterWidth(code) {
	if (code < 0x300) return 1;
	let width = known.get(code);
	if (width === undefined) known.set(code, (width = find(code)));
	return width;
}

function find(code) {
	const character = String.fromCodePoint(code);
	if (combining.test(character)) return 0;
	// Letters that stand for flags are only wide in pairs.
	if (code >= 0x1f1e6 && code <= 0x1f1ff) return 1;
	if (emoji.test(character)) return 2;
	for (let index = 0; index < wide.length; index += 2) {
		if (code >= wide[index] && code <= wide[index + 1]) return 2;
	}
	return 1;
}
