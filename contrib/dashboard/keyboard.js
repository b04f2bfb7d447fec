// What a terminal sends for keys and the mouse, as xterm does.

const letters = { ArrowUp: "A", ArrowDown: "B", ArrowRight: "C", ArrowLeft: "D", End: "F", Home: "H", F1: "P", F2: "Q", F3: "R", F4: "S" };
const numbers = {
	Insert: 2, Delete: 3, PageUp: 5, PageDown: 6, F5: 15, F6: 17, F7: 18, F8: 19, F9: 20, F10: 21, F11: 23, F12: 24,
};
const plain = { Enter: "\r", Tab: "\t", Escape: "\x1b", Backspace: "\x7f" };

// @returns the text to send, or null for a key that sends nothing.
export function keyText({ key, ctrlKey, altKey, shiftKey }, isApplication) {
	const modifiers = 1 + (shiftKey ? 1 : 0) + (altKey ? 2 : 0) + (ctrlKey ? 4 : 0);
	const meta = altKey ? "\x1b" : "";
	const letter = letters[key];
	if (letter && modifiers > 1) return `\x1b[1;${modifiers}${letter}`;
	if (letter) return `\x1b${isApplication || letter > "O" ? "O" : "["}${letter}`;
	if (numbers[key]) return `\x1b[${numbers[key]}${modifiers > 1 ? `;${modifiers}` : ""}~`;
	if (key === "Tab" && shiftKey) return "\x1b[Z";
	if (key === "Backspace" && ctrlKey) return `${meta}\b`;
	if (plain[key]) return meta + plain[key];
	if ([...key].length !== 1) return null;
	if (!ctrlKey) return meta + key;
	const code = ({ "?": "\x7f", " ": "@", 2: "@", "/": "_" }[key] ?? key).toUpperCase().charCodeAt(0);
	return code === 0x7f ? meta + "\x7f" : code >= 0x40 && code < 0x60 ? meta + String.fromCharCode(code & 0x1f) : null;
}

/**
 * @param button 0 to 2, 3 for none, 64 and 65 for the wheel.
 * @param kind "down", "up" or "move".
 */
export function mouseText({ mouse, mouseForm }, button, kind, column, row, event) {
	const modifiers = (event.shiftKey ? 4 : 0) + (event.altKey ? 8 : 0) + (event.ctrlKey ? 16 : 0);
	const code = button + modifiers + (kind === "move" ? 32 : 0);
	if (mouseForm === 1006) return `\x1b[<${code};${column + 1};${row + 1}${kind === "up" ? "m" : "M"}`;
	if ((mouse === 9 && kind !== "down") || column > 222 || row > 222) return null;
	return `\x1b[M${String.fromCharCode(32 + (kind === "up" ? 3 + modifiers : code), 33 + column, 33 + row)}`;
}
