// The little of Markdown that is safe and simple: paragraphs, headings, lists, quotes, code, emphasis and links.
import { link, withLinks } from "./ansi.js";
import { h } from "./dom.js";

const marks = /(`+)([^`]|[^`][^]*?[^`])\1(?!`)|\*\*(\S(?:[^*]*?\S)?)\*\*|(?<![\w*])[*_](\S(?:[^*_]*?\S)?)[*_](?![\w*])|\[([^\]]+)\]\((https?:[^\s)]+)\)/g;

function inline(text) {
	const nodes = [];
	let end = 0;
	for (const { index, 0: all, 2: code, 3: strong, 4: emphasis, 5: words, 6: url } of text.matchAll(marks)) {
		nodes.push(withLinks(text.slice(end, index)), code ? h("code", code) : strong ? h("strong", inline(strong))
			: emphasis ? h("em", inline(emphasis)) : link(url, words));
		end = index + all.length;
	}
	return [...nodes, withLinks(text.slice(end))];
}

const preformatted = (label, text) => h("pre", { tabindex: "0", "aria-label": label }, text);

// A text as blocks. One that is still being written may end in the middle of any of them.
export function markdown(text) {
	const blocks = [];
	let kind = "";
	let block = null;
	const open = (name, make) => {
		if (kind !== name) blocks.push(block = make());
		else if (name === "p" || name === "blockquote") block.append("\n");
		kind = name;
		return block;
	};
	for (const line of text.split("\n")) {
		const [, fence, language] = /^\s*(```|~~~)\s*([\w+-]*)/.exec(line) ?? [];
		const [, level, heading] = /^(#{1,6})\s+(.*)/.exec(line) ?? [];
		const [, indent, mark, item] = /^(\s*)([-*+]|\d{1,3}[.)])\s+(.*)/.exec(line) ?? [];
		if (kind.startsWith("code")) {
			if (fence && kind === `code${fence}`) kind = "";
			else block.append(`${line}\n`);
		} else if (fence) {
			open(`code${fence}`, () => preformatted(`Code ${language}`, []));
		} else if (heading) {
			kind = "";
			blocks.push(h(`h${Math.min(6, level.length + 2)}`, inline(heading)));
		} else if (item) {
			const list = parseInt(mark, 10) >= 0 ? "ol" : "ul";
			const entry = h("li", { value: list === "ol" && parseInt(mark, 10) }, inline(item));
			entry.style.marginLeft = `${indent.length * 8}px`;
			open(list, () => h(list)).append(entry);
		} else if (/^\s*\|.*\|\s*$/.test(line)) {
			open("table", () => preformatted("Table", [])).append(`${line}\n`);
		} else if (/^>/.test(line)) {
			open("blockquote", () => h("blockquote")).append(...inline(line.replace(/^>\s?/, "")).flat());
		} else if (!line.trim()) {
			kind = "";
		} else if (/^\s/.test(line) && block?.lastElementChild?.tagName === "LI" && kind) {
			block.lastElementChild.append("\n", ...inline(line.trim()).flat());
		} else {
			open("p", () => h("p")).append(...inline(line).flat());
		}
	}
	return blocks;
}
