// What a terminal sends for a key, as xterm does.

const cursor = { ArrowUp: "A", ArrowDown: "B", ArrowRight: "C", ArrowLeft: "D", End: "F", Home: "H" };
const functions = { F1: "P", F2: "Q", F3: "R", F4: "S" };
const numbers = {
	Insert: 2, Delete: 3, PageUp: 5, PageDown: 6, F5: 15, F6: 17, F7: 18, F8: 19, F9: 20, F10: 21, F11: 23, F12: 24,
};
const plain = { Enter: "\r", Tab: "\t", Escape: "\x1b", Backspace: "\x7f" };

/**
 * @param key has the members of a keyboard event: key, ctrlKey, altKey, shiftKey.
 * @param isApplication whether the program has asked for the other codes of the arrow keys.
 * @returns the text to send, or null for a key that sends nothing.
 */
export function keyText(key, isApplication) {
	const { key: name, ctrlKey, altKey, shiftKey } = key;
	const modifiers = 1 + (shiftKey ? 1 : 0) + (altKey ? 2 : 0) + (ctrlKey ? 4 : 0);
	const more = modifiers > 1 ? `1;${modifiers}` : "";
	if (cursor[name]) return more ? `\x1b[${more}${cursor[name]}` : `\x1b${isApplication ? "O" : "["}${cursor[name]}`;
	if (functions[name]) return more ? `\x1b[${more}${functions[name]}` : `\x1bO${functions[name]}`;
	if (numbers[name]) return `\x1b[${numbers[name]}${modifiers > 1 ? `;${modifiers}` : ""}~`;
	const meta = altKey ? "\x1b" : "";
	if (name === "Tab" && shiftKey) return "\x1b[Z";
	if (name === "Backspace" && ctrlKey) return `${meta}\b`;
	if (plain[name]) return meta + plain[name];
	if ([...name].length !== 1) return null;
	return ctrlKey ? controlText(name, meta) : meta + name;
}

function controlText(name, meta) {
	const code = name.toUpperCase().charCodeAt(0);
	if (name === "?") return `${meta}\x7f`;
	if (name === " " || name === "2") return `${meta}\0`;
	if (name === "/") return `${meta}\x1f`;
	if (code >= 0x40 && code < 0x60) return meta + String.fromCharCode(code & 0x1f);
	return null;
}

/**
 * What is sent for the mouse.
 *
 * @param button 0 to 2, 3 for none, 64 and 65 for the wheel.
 * @param kind "down", "up" or "move".
 */
export function mouseText(screen, button, kind, column, row, event) {
	const modifiers = (event.shiftKey ? 4 : 0) + (event.altKey ? 8 : 0) + (event.ctrlKey ? 16 : 0);
	const code = button + modifiers + (kind === "move" ? 32 : 0);
	if (screen.mouseForm === 1006) return `\x1b[<${code};${column + 1};${row + 1}${kind === "up" ? "m" : "M"}`;
	if (screen.mouse === 9 && kind !== "down") return null;
	const old = kind === "up" ? 3 + modifiers : code;
	if (column > 222 || row > 222) return null;
	return `\x1b[M${String.fromCharCode(32 + old, 33 + column, 33 + row)}`;
}
