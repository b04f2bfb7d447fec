// What a terminal shows that has been written to: the model that "keeperctl peek" draws from, and what a terminal in use
// needs besides: modes of keys and mouse, the cursor's shape, the title, answers to questions.
import { plain, restyle, withBack } from "./ansi.js";

const drawn = " ◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·";

// CSI with control characters in it, which count; strings up to their end; the short ones.
const sequences =
	/\x1b(?:\[([0-?\0-\x17\x19\x1c-\x1f]*)([ -/]*)([@-~])|([\]P_^Xk][^\x07\x18\x1a\x1b]*)(?:[\x07\x18\x1a]|\x1b[^])|([ -/]+[0-~]|[0-OQ-WYZ\\`-jl-~]))/y;
// The beginning of one, which may go on in what comes next.
const beginning = /\x1b(?:\[[\0-\x17\x19\x1c-?]{0,300}|[\]P_^Xk][^\x07\x18\x1a\x1b]{0,1000000}\x1b?|[ -/]*)$/y;
const broken = /\x1b(?:\[[0-?\0-\x17\x19\x1c-\x1f]*[ -/]*[\x18\x1a]?)?/y;

const combining = /[\p{Mn}\p{Me}\p{Cf}\u1160-\u11ff\ud7b0-\ud7fb]/u;
// Wide and full-width blocks of East Asia; the browser knows emoji. Letters that stand for flags are wide in pairs only.
const wide = /[\u1100-\u115f\u2329\u232a\u2e80-\u3029\u302e-\u303e\u3041-\u3098\u309b-\u3247\u3250-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{16fe3}\u{16ff0}-\u{18d08}\u{1aff0}-\u{1b2fb}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}]|(?![\u{1f1e6}-\u{1f1ff}])\p{Emoji_Presentation}/u;
const widths = new Map();

// How many columns a character takes: 0 for one that goes onto the character before it.
function widthOf(character) {
	if (!widths.has(character)) widths.set(character, combining.test(character) ? 0 : wide.test(character) ? 2 : 1);
	return widths.get(character);
}

const blank = (style) => ({ text: " ", style });
const rest = { text: "", style: plain };

class Row {
	isWrapped = false;
	isDirty = true;

	constructor(columns, style = plain) {
		this.cells = new Array(columns).fill(blank(style));
	}

	// A change begins at this column: half a wide character is none.
	split(column) {
		if (this.cells[column] === rest) this.cells.fill(blank(this.cells[column - 1].style), column - 1, column + 1);
		this.isDirty = true;
	}

	put(cell, width, column) {
		this.split(column);
		this.split(column + width);
		this.cells[column] = cell;
		if (width === 2) this.cells[column + 1] = rest;
	}

	erase(from, to, style) {
		this.split(from);
		this.split(to);
		this.cells.fill(blank(style), from, to);
		if (to === this.cells.length) this.isWrapped = false;
	}

	// Moves what is right of a column by a count to the right, or to the left where it is less than 0.
	shift(column, count, style) {
		const { cells } = this;
		const size = Math.min(Math.abs(count), cells.length - column);
		const end = cells.length - size;
		this.split(column);
		this.split(count > 0 ? end : column + size);
		if (count > 0) cells.copyWithin(column + size, column, end).fill(blank(style), column, column + size);
		else cells.copyWithin(column, column + size).fill(blank(style), end);
	}

	resize(columns) {
		this.split(columns);
		while (this.cells.length < columns) this.cells.push(blank(plain));
		this.cells.length = columns;
	}
}

const atStart = { x: 0, y: 0, style: plain, sets: [false, false], set: 0, isOrigin: false };
// Modes that are only on or off.
const switches = { 1: "hasApplicationKeys", 5: "isReversed", 7: "wraps", 25: "isCursorShown", 1004: "hasFocus", 2004: "hasPaste" };

// @param answer takes what the terminal says to the program by itself.
export function Screen(columns, rows, answer) {
	const decoder = new TextDecoder();
	let unread = "";
	// The cursor; x is the number of columns where the next character goes into the next row.
	let x, y, style, set, isOrigin;
	// Which of two sets are lines and corners.
	let sets;
	let grid, hidden, hiddenPlace, saved, top, bottom, last, tabs;
	const screen = {
		title: "", write, reset, resize,
		// Rows that have gone out at the top, not yet taken by who shows them.
		scrolled: [],
		get columns() { return columns; },
		get rows() { return rows; },
		get grid() { return grid; },
		get x() { return Math.min(x, columns - 1); },
		get y() { return y; },
		// Whether the program has a screen of its own; the lines are there again when it leaves it.
		get isOther() { return hidden !== null; },
	};
	reset();
	return screen;

	function reset() {
		grid = blankGrid();
		hidden = hiddenPlace = null;
		restore(saved = atStart);
		top = 0;
		bottom = rows - 1;
		last = "";
		tabs = new Set(Array.from({ length: 125 }, (_, index) => 8 * (index + 1)));
		Object.assign(screen, {
			wraps: true, inserts: false, isCursorShown: true, cursorShape: 0, hasApplicationKeys: false, hasPaste: false,
			hasFocus: false, isReversed: false,
			// 0, or 9, 1000, 1002, 1003: what of the mouse is reported, and how.
			mouse: 0, mouseForm: 0,
		});
	}

	function blankGrid() {
		return Array.from({ length: rows }, () => new Row(columns));
	}

	function resize(newColumns, newRows) {
		if (newColumns === columns && newRows === rows) return;
		for (const rowsOf of [grid, hidden]) {
			if (!rowsOf) continue;
			for (const row of rowsOf) row.resize(newColumns);
			// What is above the cursor goes, not what is at it.
			while (rowsOf.length > newRows && y >= newRows) {
				const gone = rowsOf.shift();
				if (rowsOf !== grid) continue;
				y -= 1;
				if (!hidden) screen.scrolled.push(gone);
			}
			rowsOf.length = Math.min(rowsOf.length, newRows);
			while (rowsOf.length < newRows) rowsOf.push(new Row(newColumns));
		}
		[columns, rows, top, bottom] = [newColumns, newRows, 0, newRows - 1];
		restore(place());
		saved = { ...saved, x: Math.min(saved.x, columns - 1), y: Math.min(saved.y, rows - 1) };
	}

	function write(bytes) {
		const text = unread + decoder.decode(bytes, { stream: true });
		unread = "";
		for (let index = 0; index < text.length;) {
			const code = text.codePointAt(index);
			if (code === 0x1b) {
				sequences.lastIndex = beginning.lastIndex = broken.lastIndex = index;
				const found = sequences.exec(text);
				if (found) {
					follow(found);
				} else if (beginning.test(text)) {
					unread = text.slice(index);
					return;
				} else {
					broken.test(text);
				}
				index = sequences.lastIndex || broken.lastIndex;
				continue;
			}
			if (code < 0x20) control(code);
			else if (code < 0x7f || code >= 0xa0) put(String.fromCodePoint(code), code);
			index += code > 0xffff ? 2 : 1;
		}
	}

	function follow([, numbers, between, final, string, short]) {
		if (!string && (final !== "b" || between || /[<-?]/.test(numbers))) last = "";
		if (final) {
			const plainNumbers = numbers.replace(/[\0-\x1f]/g, (character) => (control(character.charCodeAt(0)), ""));
			sequence(/^[<-?]?/.exec(plainNumbers)[0], plainNumbers.replace(/^[<-?]/, ""), between, final);
		} else if (string) {
			takeString(string);
		} else {
			escape(short);
		}
	}

	function put(character, code) {
		let text = character;
		if (code >= 0x5f && code < 0x7f && sets[set]) text = drawn[code - 0x5f];
		const width = code < 0x300 ? 1 : widthOf(character);
		if (width === 0) return combine(text);
		if (screen.wraps && x > columns - width) {
			grid[y].isWrapped = true;
			feedLine();
			x = 0;
		}
		if (x > columns - width) return;
		const row = grid[y];
		if (screen.inserts) row.shift(x, width, background());
		row.put({ text, style }, width, x);
		x = Math.min(x + width, screen.wraps ? columns : columns - 1);
		last = text;
	}

	function combine(mark) {
		const row = grid[y];
		const column = x - (row.cells[x - 1] === rest ? 2 : 1);
		if (column < 0) return;
		const cell = row.cells[column];
		if (cell.text.length < 16) row.cells[column] = { ...cell, text: cell.text + mark };
		row.isDirty = true;
	}

	function control(code) {
		if (code) last = "";
		if (code === 8) {
			if (x > 0) {
				x -= 1;
			} else if (y > 0 && grid[y - 1].isWrapped) {
				y -= 1;
				x = columns - 1;
			}
		} else if (code === 9) {
			tab(1);
		} else if (code >= 10 && code <= 12) {
			feedLine();
		} else if (code === 13) {
			x = 0;
		} else if (code === 14 || code === 15) {
			set = 15 - code;
		}
	}

	function tab(step) {
		if (step > 0 && x >= columns - 1) return;
		x = Math.min(x, columns - 1);
		do x = Math.max(0, x + step); while (x > 0 && x < columns - 1 && !tabs.has(x));
	}

	function background() {
		return withBack(style.back);
	}

	function feedLine() {
		if (y === bottom) scroll(top, 1);
		else if (y < rows - 1) y += 1;
	}

	// Moves the rows from one to the bottom of the region up, or down where the count is less than 0.
	function scroll(first, count) {
		const back = background();
		for (let left = Math.min(Math.abs(count), bottom - first + 1); left > 0; left -= 1) {
			const [gone] = grid.splice(count > 0 ? first : bottom, 1);
			grid.splice(count > 0 ? bottom : first, 0, new Row(columns, back));
			if (count > 0 && first === 0 && !hidden) screen.scrolled.push(gone);
		}
		// Who shows them can't know which have moved.
		for (let row = first; row <= bottom; row += 1) grid[row].isDirty = true;
	}

	function escape(short) {
		switch (short) {
			case "7": saved = place(); break;
			case "8": restore(saved); break;
			case "E": x = 0; // and as D
			case "D": feedLine(); break;
			case "M":
				if (y === top) scroll(top, -1);
				else if (y > 0) y -= 1;
				break;
			case "H": tabs.add(x); break;
			case "c": reset(); break;
			case "#8": // E everywhere, to adjust a screen by
				setRegion(0, rows - 1);
				for (const row of grid) for (let column = 0; column < columns; column += 1) row.put({ text: "E", style: plain }, 1, column);
				break;
			default:
				if (short[0] === "(" || short[0] === ")") sets[short[0] === "(" ? 0 : 1] = short[1] === "0";
		}
	}

	function place() {
		return { x, y, style, sets: [...sets], set, isOrigin };
	}

	function restore(old) {
		({ x, y, style, set, isOrigin } = old);
		sets = [...old.sets];
		x = Math.min(x, columns - 1);
		y = Math.min(y, rows - 1);
	}

	function setRegion(first, end) {
		const lastRow = Math.min(end, rows - 1);
		if (first >= lastRow && rows > 1) return;
		[top, bottom] = [first, lastRow];
		x = 0;
		y = isOrigin ? first : 0;
	}

	function takeString(string) {
		const [, kind, text] = /^\](\d+);([^]*)$/.exec(string) ?? [];
		if (kind === "0" || kind === "2") screen.title = text.slice(0, 200);
		if ((kind === "10" || kind === "11") && text === "?") {
			const parts = screen.colour?.(kind === "10").map((part) => part.toString(16).padStart(2, "0").repeat(2));
			if (parts) answer(`\x1b]${kind};rgb:${parts.join("/")}\x1b\\`);
		}
	}

	function sequence(mark, text, between, final) {
		const numbers = text.split(/[;:]/).map((part) => Number(part) || 0);
		const [first] = numbers;
		const count = Math.max(1, first);
		const row = grid[y];
		switch (mark + between + final) {
			case "!p": softReset(); break;
			case " q": screen.cursorShape = first; break;
			case "$p": case "?$p": answer(`\x1b[${mark}${first};0$y`); break;
			case ">c": answer("\x1b[>0;10;1c"); break;
			case "?h": case "?l": for (const mode of numbers) switchMode(mode, final === "h"); break;
			case "A": case "F":
				x = final === "F" ? 0 : Math.min(x, columns - 1);
				y = Math.max(y - count, y < top ? 0 : top);
				break;
			case "B": case "E": case "e":
				x = final === "E" ? 0 : Math.min(x, columns - 1);
				y = Math.min(y + count, y > bottom ? rows - 1 : bottom);
				break;
			case "C": case "a": x = Math.min(x + count, columns - 1); break;
			case "D": x = Math.max(0, x - count); break;
			case "G": case "`": x = Math.min(count, columns) - 1; break;
			case "H": case "f": x = Math.min(Math.max(1, numbers[1] ?? 1), columns) - 1; // and as d
			case "d": setRow(count); break;
			case "I": case "Z": for (let left = Math.min(count, columns); left > 0; left -= 1) tab(final === "I" ? 1 : -1); break;
			case "J": eraseScreen(first); break;
			case "K": eraseLine(first); break;
			case "@": case "P":
				if (x < columns) row.shift(x, final === "@" ? count : -count, background());
				break;
			case "X":
				if (x < columns) row.erase(x, Math.min(x + count, columns), background());
				break;
			case "L": case "M":
				if (y >= top && y <= bottom) scroll(y, final === "M" ? count : -count);
				break;
			case "S": scroll(top, count); break;
			case "T": if (numbers.length < 2) scroll(top, -count); break;
			case "b": repeat(count); break;
			case "c": answer("\x1b[?62;22c"); break;
			case "g":
				if (first === 0) tabs.delete(x);
				if (first === 3) tabs.clear();
				break;
			case "h": case "l": if (first === 4) screen.inserts = final === "h"; break;
			case "m": style = restyle(style, text); break;
			case "n": case "?n":
				if (first === 5 && !mark) answer("\x1b[0n");
				if (first === 6) answer(`\x1b[${mark}${y - (isOrigin ? top : 0) + 1};${screen.x + 1}R`);
				break;
			case "r": setRegion(count - 1, (numbers[1] || rows) - 1); break;
			case "s": saved = place(); break;
			case "u": restore(saved); break;
		}
	}

	function repeat(count) {
		if (!last) return;
		const character = last;
		const before = sets;
		sets = [false, false];
		for (let left = Math.min(count, columns * rows); left > 0; left -= 1) put(character, character.codePointAt(0));
		sets = before;
		last = "";
	}

	function setRow(number) {
		y = isOrigin ? Math.min(top + number - 1, bottom) : Math.min(number, rows) - 1;
	}

	// 0 is from the cursor on, 1 up to it, 2 all.
	function eraseLine(which) {
		const from = which ? 0 : x;
		const to = which === 1 ? Math.min(x + 1, columns) : columns;
		if (which < 3 && from < columns) grid[y].erase(from, to, background());
	}

	function eraseScreen(which) {
		if (which > 2) return;
		if (which < 2) eraseLine(which);
		const rowsOf = which === 0 ? grid.slice(y + 1) : which === 1 ? grid.slice(0, y) : grid;
		for (const row of rowsOf) row.erase(0, columns, background());
	}

	function switchMode(mode, isOn) {
		if (switches[mode]) screen[switches[mode]] = isOn;
		else if (mode === 6) {
			isOrigin = isOn;
			x = 0;
			setRow(1);
		} else if ([47, 1047, 1049].includes(mode)) showOther(isOn, mode === 1049);
		else if ([9, 1000, 1002, 1003].includes(mode)) screen.mouse = isOn ? mode : 0;
		else if ([1005, 1006, 1015].includes(mode)) screen.mouseForm = isOn ? mode : 0;
	}

	function softReset() {
		const at = [x, y];
		setRegion(0, rows - 1);
		restore(atStart);
		[x, y] = at;
		saved = atStart;
		Object.assign(screen, { inserts: false, isCursorShown: true, hasApplicationKeys: false });
	}

	function showOther(isOther, keepsPlace) {
		if (isOther) {
			if (hidden) return;
			if (keepsPlace) hiddenPlace = place();
			hidden = grid;
			grid = blankGrid();
			return;
		}
		grid = hidden ?? grid;
		hidden = null;
		for (const row of grid) row.isDirty = true;
		restore((keepsPlace && hiddenPlace) || place());
	}
}
