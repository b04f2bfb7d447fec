// The little of Markdown that is safe and simple: paragraphs, headings, lists, quotes, code, emphasis and links.
import { link, withLinks } from "./ansi.js";
import { h } from "./dom.js";

const marks = /(`+)([^`]|[^`][^]*?[^`])\1(?!`)|\*\*(\S(?:[^*]*?\S)?)\*\*|(?<![\w*])[*_](\S(?:[^*_]*?\S)?)[*_](?![\w*])|\[([^\]]+)\]\((https?:[^\s)]+)\)/g;

function inline(text) {
	const nodes = [];
	let end = 0;
	for (const match of text.matchAll(marks)) {
		nodes.push(...withLinks(text.slice(end, match.index)));
		end = match.index + match[0].length;
		if (match[2] !== undefined) nodes.push(h("code", match[2]));
		else if (match[3] !== undefined) nodes.push(h("strong", inline(match[3])));
		else if (match[4] !== undefined) nodes.push(h("em", inline(match[4])));
		else nodes.push(link(match[6], match[5]));
	}
	return [...nodes, ...withLinks(text.slice(end))];
}

const fence = /^\s*(```|~~~)\s*([\w+-]*)/;
const item = /^(\s*)([-*+]|\d{1,3}[.)])\s+(.*)$/;

/** A text as blocks. One that is still being written may end in the middle of any of them. */
export function markdown(text) {
	const lines = text.split("\n");
	const blocks = [];
	let paragraph = [];
	const flush = () => {
		if (paragraph.length) blocks.push(h("p", inline(paragraph.join("\n"))));
		paragraph = [];
	};
	for (let index = 0; index < lines.length; index += 1) {
		const line = lines[index];
		const opening = fence.exec(line);
		const heading = /^(#{1,6})\s+(.*)$/.exec(line);
		if (opening) {
			flush();
			const code = [];
			while (++index < lines.length && !lines[index].trimStart().startsWith(opening[1])) code.push(lines[index]);
			blocks.push(h("pre", { tabindex: "0", "aria-label": `Code${opening[2] ? ` in ${opening[2]}` : ""}` }, h("code", code.join("\n"))));
		} else if (heading) {
			flush();
			blocks.push(h(`h${Math.min(6, heading[1].length + 2)}`, {}, inline(heading[2])));
		} else if (item.test(line)) {
			flush();
			const [list, next] = listFrom(lines, index);
			blocks.push(list);
			index = next - 1;
		} else if (/^>\s?/.test(line)) {
			flush();
			const quote = [];
			while (index < lines.length && /^>\s?/.test(lines[index])) quote.push(lines[index++].replace(/^>\s?/, ""));
			index -= 1;
			blocks.push(h("blockquote", markdown(quote.join("\n"))));
		} else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
			flush();
			blocks.push(h("hr"));
		} else if (/^\s*\|.*\|\s*$/.test(line)) {
			flush();
			const rows = [];
			while (index < lines.length && /^\s*\|.*\|\s*$/.test(lines[index])) rows.push(lines[index++]);
			index -= 1;
			blocks.push(table(rows));
		} else if (line.trim()) {
			paragraph.push(line);
		} else {
			flush();
		}
	}
	flush();
	return blocks;
}

/** The list that begins at a line, with the lists in it, and the line after it. */
function listFrom(lines, start) {
	const [, indent, mark] = item.exec(lines[start]);
	const isNumbered = /\d/.test(mark);
	const list = h(isNumbered ? "ol" : "ul", { start: isNumbered && parseInt(mark, 10) !== 1 && parseInt(mark, 10) });
	let index = start;
	while (index < lines.length) {
		const found = item.exec(lines[index]);
		if (found && found[1].length > indent.length) {
			const [inner, next] = listFrom(lines, index);
			(list.lastElementChild ?? list).append(inner);
			index = next;
		} else if (found && found[1].length === indent.length && /\d/.test(found[2]) === isNumbered) {
			list.append(h("li", inline(found[3])));
			index += 1;
		} else if (!found && /^\s+\S/.test(lines[index]) && list.lastElementChild) {
			list.lastElementChild.append("\n", ...inline(lines[index].trim()));
			index += 1;
		} else {
			break;
		}
	}
	return [list, index];
}

function table(rows) {
	const cells = (row) => row.trim().slice(1, -1).split("|").map((cell) => cell.trim());
	const isHead = rows[1] && /^[\s|:-]+$/.test(rows[1]);
	const body = rows.slice(isHead ? 2 : 0).map((row) => h("tr", cells(row).map((cell) => h("td", inline(cell)))));
	const head = isHead && h("thead", h("tr", cells(rows[0]).map((cell) => h("th", { scope: "col" }, inline(cell)))));
	return h("div.table", { tabindex: "0", role: "group", "aria-label": "Table" }, h("table", head, h("tbody", body)));
}
