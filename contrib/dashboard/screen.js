// What a terminal shows that has been written to: the same model as the one that "keeperctl peek" draws from, and
// what a terminal in use needs besides: modes of keys and mouse, the cursor's shape, the title, answers to questions.
import { Style } from "./ansi.js";
import { characterWidth } from "./width.js";

const plain = Object.freeze(new Style());
/** The right half of a wide character. */
const rest = "";

/** DEC's characters for drawing, from "_" to "~". */
const drawn = " ◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·";

/** One row: a character for each column, null where nothing was written, and how each looks. */
class Row {
	constructor(columns, style) {
		this.texts = new Array(columns).fill(null);
		this.styles = new Array(columns).fill(style);
		/** Whether the text goes on in the next row. */
		this.isWrapped = false;
		/** Whether it looks otherwise than it was last drawn. */
		this.isDirty = true;
	}

	/** A change begins at this column: half a wide character is none. */
	split(column) {
		if (column <= 0 || this.texts[column] !== rest) return;
		this.texts[column] = null;
		this.texts[column - 1] = null;
	}

	put(text, style, width, column) {
		this.split(column);
		this.split(column + width);
		this.texts[column] = text;
		this.styles[column] = style;
		if (width === 2) {
			this.texts[column + 1] = rest;
			this.styles[column + 1] = style;
		}
		this.isDirty = true;
	}

	erase(from, to, style) {
		this.split(from);
		this.split(to);
		this.texts.fill(null, from, to);
		this.styles.fill(style, from, to);
		if (to === this.texts.length) this.isWrapped = false;
		this.isDirty = true;
	}

	/** Moves what is right of a column by a count to the right, or to the left where it is less than 0. */
	shift(column, count, style) {
		const columns = this.texts.length;
		const size = Math.min(Math.abs(count), columns - column);
		this.split(column);
		if (count > 0) {
			this.split(columns - size);
			this.texts.copyWithin(column + size, column, columns - size);
			this.styles.copyWithin(column + size, column, columns - size);
			this.texts.fill(null, column, column + size);
			this.styles.fill(style, column, column + size);
		} else {
			this.split(column + size);
			this.texts.copyWithin(column, column + size);
			this.styles.copyWithin(column, column + size);
			this.texts.fill(null, columns - size);
			this.styles.fill(style, columns - size);
		}
		this.isDirty = true;
	}

	resize(columns) {
		while (this.texts.length < columns) {
			this.texts.push(null);
			this.styles.push(plain);
		}
		this.split(columns);
		this.texts.length = columns;
		this.styles.length = columns;
		this.isDirty = true;
	}
}

class Place {
	row = 0;
	/** The number of columns after a character in the last one: the next goes into the next row. */
	column = 0;
	style = plain;
	/** Whether each of the two sets is that of lines and corners. */
	sets = [false, false];
	isShifted = false;
	/** Rows are counted from the top of the region, and the cursor stays inside. */
	isOrigin = false;

	copy() {
		return Object.assign(new Place(), this, { sets: [...this.sets] });
	}
}

export class Screen {
	title = "";
	/** Rows that have gone out at the top, not yet taken by who shows them. */
	scrolled = [];

	#decoder = new TextDecoder();
	#state = "ground";
	#sequence = "";

	/** @param answer takes what the terminal says to the program by itself. */
	constructor(columns, rows, answer = () => {}) {
		this.columns = columns;
		this.rows = rows;
		this.answer = answer;
		this.reset();
	}

	reset() {
		this.grid = this.#blank();
		/** The lines that are there again when the program leaves its own screen. */
		this.hidden = null;
		this.hiddenPlace = null;
		this.place = new Place();
		this.saved = new Place();
		this.top = 0;
		this.bottom = this.rows - 1;
		this.wraps = true;
		this.inserts = false;
		this.last = "";
		this.tabs = new Set();
		for (let column = 8; column < 1000; column += 8) this.tabs.add(column);
		this.isCursorShown = true;
		this.cursorShape = 0;
		this.hasApplicationKeys = false;
		this.hasPaste = false;
		this.hasFocus = false;
		/** 0, or 9, 1000, 1002, 1003: what of the mouse is reported. */
		this.mouse = 0;
		this.mouseForm = 0;
		this.isReversed = false;
	}

	#blank() {
		return Array.from({ length: this.rows }, () => new Row(this.columns, plain));
	}

	get isOther() {
		return this.hidden !== null;
	}

	resize(columns, rows) {
		if (columns === this.columns && rows === this.rows) return;
		for (const grid of [this.grid, this.hidden]) {
			if (!grid) continue;
			for (const row of grid) row.resize(columns);
			// What is above the cursor goes, not what is at it.
			while (grid.length > rows && this.place.row >= rows) {
				const gone = grid.shift();
				if (grid === this.grid) {
					this.place.row -= 1;
					if (!this.hidden) this.scrolled.push(gone);
				}
			}
			grid.length = Math.min(grid.length, rows);
			while (grid.length < rows) grid.push(new Row(columns, plain));
		}
		Object.assign(this, { columns, rows, top: 0, bottom: rows - 1 });
		for (const place of [this.place, this.saved]) {
			place.row = Math.min(place.row, rows - 1);
			place.column = Math.min(place.column, columns - 1);
		}
	}

	// Finding sequences

	write(bytes) {
		const text = this.#decoder.decode(bytes, { stream: true });
		let index = 0;
		while (index < text.length) {
			if (this.#state === "ground") {
				index = this.#takeText(text, index);
				continue;
			}
			this.#takePart(text[index]);
			index += 1;
		}
	}

	#takeText(text, start) {
		let index = start;
		while (index < text.length) {
			const code = text.codePointAt(index);
			if (code === 0x1b) {
				this.#state = "escape";
				this.#sequence = "";
				return index + 1;
			}
			if (code >= 0x20 && code < 0x7f) this.#put(code, 1);
			else if (code < 0x20) this.#obey(code);
			else if (code >= 0xa0) this.#put(code, characterWidth(code));
			index += code > 0xffff ? 2 : 1;
		}
		return index;
	}

	#takePart(character) {
		const code = character.charCodeAt(0);
		switch (this.#state) {
			case "escape":
				this.#sequence += character;
				if (code === 0x1b) this.#sequence = "";
				else if (character === "[") this.#begin("control");
				else if ("]P_^Xk".includes(character)) this.#begin("string", character);
				else if (code >= 0x20 && code <= 0x2f) this.#state = "designation";
				else this.#end(() => this.#escape(character));
				return;
			case "designation":
				this.#sequence += character;
				if (code >= 0x30) this.#end(() => this.#designate(this.#sequence));
				return;
			case "control":
				if (code === 0x1b) return this.#begin("escape");
				if (code === 0x18 || code === 0x1a || this.#sequence.length > 256) return this.#begin("ground");
				// Control characters count in the middle of a sequence as well.
				if (code < 0x20) return this.#obey(code);
				this.#sequence += character;
				if (code >= 0x40) this.#end(() => this.#control(this.#sequence));
				return;
			default:
				if (code === 7 || (this.#state === "stringEscape" && code !== 0x1b)) this.#end(() => this.#string(this.#sequence));
				else if (code === 0x18 || code === 0x1a) this.#begin("ground");
				else if (code === 0x1b) this.#state = "stringEscape";
				else if (this.#sequence.length < 100_000) this.#sequence += character;
		}
	}

	#begin(state, sequence = "") {
		this.#state = state;
		this.#sequence = sequence;
	}

	#end(act) {
		this.#state = "ground";
		act();
	}

	// Text

	#put(code, width) {
		const { place } = this;
		let text = String.fromCodePoint(code);
		if (code >= 0x5f && code < 0x7f && place.sets[place.isShifted ? 1 : 0]) text = drawn[code - 0x5f];
		if (width === 0) return this.#combine(text);
		if (this.wraps && place.column > this.columns - width) {
			this.grid[place.row].isWrapped = true;
			this.#feedLine();
			place.column = 0;
		}
		if (place.column > this.columns - width) return;
		const row = this.grid[place.row];
		if (this.inserts) row.shift(place.column, width, this.#background);
		row.put(text, place.style, width, place.column);
		place.column = Math.min(place.column + width, this.wraps ? this.columns : this.columns - 1);
		this.last = text;
	}

	/** Puts a mark onto the character before. */
	#combine(text) {
		const { place } = this;
		if (place.column === 0) return;
		const row = this.grid[place.row];
		const column = row.texts[place.column - 1] === rest ? place.column - 2 : place.column - 1;
		const before = row.texts[column] ?? " ";
		if (before.length < 16) row.texts[column] = before + text;
		row.isDirty = true;
	}

	#obey(code) {
		const { place } = this;
		if (code !== 0) this.last = "";
		switch (code) {
			case 8:
				if (place.column > 0) {
					place.column -= 1;
				} else if (place.row > 0 && this.grid[place.row - 1].isWrapped) {
					place.row -= 1;
					place.column = this.columns - 1;
				}
				break;
			case 9: this.#tab(); break;
			case 10: case 11: case 12: this.#feedLine(); break;
			case 13: place.column = 0; break;
			case 14: place.isShifted = true; break;
			case 15: place.isShifted = false; break;
		}
	}

	#tab() {
		const { place } = this;
		if (place.column >= this.columns - 1) return;
		do place.column += 1; while (place.column < this.columns - 1 && !this.tabs.has(place.column));
	}

	#tabBack() {
		const { place } = this;
		place.column = Math.min(place.column, this.columns - 1);
		do place.column = Math.max(0, place.column - 1); while (place.column > 0 && !this.tabs.has(place.column));
	}

	/** What erasing leaves. */
	get #background() {
		const { back } = this.place.style;
		if (back === null) return plain;
		const style = new Style();
		style.back = back;
		return style;
	}

	#feedLine() {
		if (this.place.row === this.bottom) this.#scroll(this.top, 1);
		else if (this.place.row < this.rows - 1) this.place.row += 1;
	}

	#goUp() {
		if (this.place.row === this.top) this.#scroll(this.top, -1);
		else if (this.place.row > 0) this.place.row -= 1;
	}

	/** Moves the rows from one to the bottom of the region up, or down where the count is less than 0. */
	#scroll(first, count) {
		const style = this.#background;
		const size = Math.min(Math.abs(count), this.bottom - first + 1);
		for (let number = 0; number < size; number += 1) {
			if (count > 0) {
				const [gone] = this.grid.splice(first, 1);
				this.grid.splice(this.bottom, 0, new Row(this.columns, style));
				if (first === 0 && !this.hidden) this.scrolled.push(gone);
			} else {
				this.grid.splice(this.bottom, 1);
				this.grid.splice(first, 0, new Row(this.columns, style));
			}
		}
		// The pages that show it can't know which have moved.
		for (let row = first; row <= this.bottom; row += 1) this.grid[row].isDirty = true;
		if (this.scrolled.length > 4000) this.scrolled.splice(0, 2000);
	}

	// Short sequences

	#escape(character) {
		this.last = "";
		switch (character) {
			case "7": this.saved = this.place.copy(); break;
			case "8": this.#restore(this.saved); break;
			case "D": this.#feedLine(); break;
			case "E":
				this.place.column = 0;
				this.#feedLine();
				break;
			case "M": this.#goUp(); break;
			case "H": this.tabs.add(this.place.column); break;
			case "c": this.reset(); break;
		}
	}

	#designate(sequence) {
		this.last = "";
		if (sequence[0] === "(") this.place.sets[0] = sequence[1] === "0";
		else if (sequence[0] === ")") this.place.sets[1] = sequence[1] === "0";
		else if (sequence === "#8") this.#fill();
	}

	#restore(old) {
		this.place = old.copy();
		this.place.column = Math.min(this.place.column, this.columns - 1);
	}

	/** Makes a screen of E, to adjust it by. */
	#fill() {
		this.#setRegion(0, this.rows - 1);
		for (const row of this.grid) for (let column = 0; column < this.columns; column += 1) row.put("E", plain, 1, column);
	}

	#setRegion(first, end) {
		const last = Math.min(end, this.rows - 1);
		if (first >= last && this.rows > 1) return;
		this.top = first;
		this.bottom = last;
		this.place.column = 0;
		this.place.row = this.place.isOrigin ? first : 0;
	}

	/** Titles, and questions for colours. */
	#string(sequence) {
		const [, kind, text] = /^\](\d+);([^]*)$/.exec(sequence) ?? [];
		if (kind === "0" || kind === "2") this.title = text.slice(0, 200);
		if ((kind === "10" || kind === "11") && text === "?") {
			const parts = this.colour?.(kind === "10").map((part) => part.toString(16).padStart(2, "0").repeat(2));
			if (parts) this.answer(`\x1b]${kind};rgb:${parts.join("/")}\x1b\\`);
		}
	}

	// Control sequences

	#control(sequence) {
		const last = sequence.at(-1);
		if (last !== "b") this.last = "";
		const mark = /^[<=>?]/.test(sequence) ? sequence[0] : "";
		const between = /[ -/]*(?=.$)/.exec(sequence)[0];
		const numbers = sequence.slice(mark.length, -1 - between.length).split(/[;:]/).map((part) => Number(part) || 0);
		if (between) {
			if (between === "!" && last === "p") this.#softReset();
			else if (between === " " && last === "q") this.cursorShape = numbers[0];
			else if (between === "$" && last === "p") this.answer(`\x1b[${mark}${numbers[0]};0$y`);
			return;
		}
		if (mark) {
			if (mark === "?" && (last === "h" || last === "l")) for (const mode of numbers) this.#change(mode, last === "h");
			else if (mark === ">" && last === "c") this.answer("\x1b[>0;10;1c");
			else if (mark === "?" && last === "n" && numbers[0] === 6) this.#reportPlace("?");
			return;
		}
		this.#act(last, numbers, sequence);
	}

	#act(last, numbers, sequence) {
		const { place, columns } = this;
		const [first] = numbers;
		const count = Math.max(1, first);
		switch (last) {
			case "A": case "F":
				place.column = last === "F" ? 0 : Math.min(place.column, columns - 1);
				place.row = Math.max(place.row - count, place.row < this.top ? 0 : this.top);
				break;
			case "B": case "E": case "e":
				place.column = last === "E" ? 0 : Math.min(place.column, columns - 1);
				place.row = Math.min(place.row + count, place.row > this.bottom ? this.rows - 1 : this.bottom);
				break;
			case "C": case "a": place.column = Math.min(place.column + count, columns - 1); break;
			case "D": place.column = Math.max(0, place.column - count); break;
			case "G": case "`": place.column = Math.min(count, columns) - 1; break;
			case "d": this.#setRow(count); break;
			case "H": case "f":
				this.#setRow(count);
				place.column = Math.min(Math.max(1, numbers[1] ?? 1), columns) - 1;
				break;
			case "I": for (let number = Math.min(count, columns); number > 0; number -= 1) this.#tab(); break;
			case "Z": for (let number = Math.min(count, columns); number > 0; number -= 1) this.#tabBack(); break;
			case "J": this.#eraseScreen(first); break;
			case "K": this.#eraseLine(first); break;
			case "@": case "P":
				if (place.column < columns) this.grid[place.row].shift(place.column, last === "@" ? count : -count, this.#background);
				break;
			case "X":
				if (place.column < columns) {
					this.grid[place.row].erase(place.column, Math.min(place.column + count, columns), this.#background);
				}
				break;
			case "L": case "M":
				if (place.row >= this.top && place.row <= this.bottom) this.#scroll(place.row, last === "M" ? count : -count);
				break;
			case "S": this.#scroll(this.top, count); break;
			case "T": if (numbers.length < 2) this.#scroll(this.top, -count); break;
			case "b": this.#repeat(count); break;
			case "c": this.answer("\x1b[?62;22c"); break;
			case "g":
				if (first === 0) this.tabs.delete(place.column);
				if (first === 3) this.tabs.clear();
				break;
			case "h": if (first === 4) this.inserts = true; break;
			case "l": if (first === 4) this.inserts = false; break;
			case "m": this.#restyle(sequence.slice(0, -1)); break;
			case "n":
				if (first === 5) this.answer("\x1b[0n");
				if (first === 6) this.#reportPlace("");
				break;
			case "r": this.#setRegion(count - 1, (numbers[1] || this.rows) - 1); break;
			case "s": this.saved = place.copy(); break;
			case "u": this.#restore(this.saved); break;
		}
	}

	#restyle(text) {
		const style = this.place.style.copy();
		style.change(text);
		this.place.style = style.isPlain ? plain : style;
	}

	#reportPlace(mark) {
		const row = this.place.row - (this.place.isOrigin ? this.top : 0) + 1;
		this.answer(`\x1b[${mark}${row};${Math.min(this.place.column, this.columns - 1) + 1}R`);
	}

	#repeat(count) {
		const { last } = this;
		if (!last) return;
		const code = last.codePointAt(0);
		const sets = this.place.sets;
		this.place.sets = [false, false];
		for (let number = Math.min(count, this.columns * this.rows); number > 0; number -= 1) {
			this.#put(code, characterWidth(code));
		}
		this.place.sets = sets;
		this.last = "";
	}

	#setRow(number) {
		const { place } = this;
		place.row = place.isOrigin ? Math.min(this.top + number - 1, this.bottom) : Math.min(number, this.rows) - 1;
	}

	#eraseLine(which) {
		const row = this.grid[this.place.row];
		const here = Math.min(this.place.column + 1, this.columns);
		if (which === 0 && this.place.column < this.columns) row.erase(this.place.column, this.columns, this.#background);
		else if (which === 1) row.erase(0, here, this.#background);
		else if (which === 2) row.erase(0, this.columns, this.#background);
	}

	#eraseScreen(which) {
		const style = this.#background;
		const clear = (from, to) => {
			for (let row = from; row < to; row += 1) this.grid[row].erase(0, this.columns, style);
		};
		if (which < 2) this.#eraseLine(which);
		if (which === 0) clear(this.place.row + 1, this.rows);
		else if (which === 1) clear(0, this.place.row);
		else if (which === 2) clear(0, this.rows);
	}

	// Modes

	#change(mode, isOn) {
		switch (mode) {
			case 1: this.hasApplicationKeys = isOn; break;
			case 5:
				this.isReversed = isOn;
				break;
			case 6:
				this.place.isOrigin = isOn;
				this.place.column = 0;
				this.#setRow(1);
				break;
			case 7: this.wraps = isOn; break;
			case 25: this.isCursorShown = isOn; break;
			case 47: case 1047: case 1049: this.#showOther(isOn, mode === 1049); break;
			case 9: case 1000: case 1002: case 1003: this.mouse = isOn ? mode : 0; break;
			case 1004: this.hasFocus = isOn; break;
			case 1005: case 1006: case 1015: this.mouseForm = isOn ? mode : 0; break;
			case 2004: this.hasPaste = isOn; break;
		}
	}

	#softReset() {
		const { row, column } = this.place;
		this.#setRegion(0, this.rows - 1);
		this.place = Object.assign(new Place(), { row, column });
		this.saved = new Place();
		this.inserts = false;
		this.isCursorShown = true;
		this.hasApplicationKeys = false;
	}

	/** Shows the screen that programs have for themselves, or the lines again. */
	#showOther(isOther, keepsPlace) {
		if (isOther) {
			if (this.hidden) return;
			if (keepsPlace) this.hiddenPlace = this.place.copy();
			this.hidden = this.grid;
			this.grid = this.#blank();
			return;
		}
		if (this.hidden) {
			this.grid = this.hidden;
			for (const row of this.grid) row.isDirty = true;
		}
		this.hidden = null;
		if (keepsPlace && this.hiddenPlace) this.place = this.hiddenPlace.copy();
		this.place.column = Math.min(this.place.column, this.columns - 1);
		this.place.row = Math.min(this.place.row, this.rows - 1);
	}
}
