// The command palette: sessions, tabs and actions by a few letters.
import { openDialog } from "./dialog.js";
import { h, icon, replace, stateIcon } from "./dom.js";

/** How well letters fit a text, in their order; 0 for not at all. */
export function score(letters, text) {
	const lower = text.toLowerCase();
	const place = lower.indexOf(letters);
	if (place >= 0) return 1000 - place - text.length / 100 + (place === 0 || /\W/.test(lower[place - 1]) ? 500 : 0);
	let index = -1;
	let gaps = 0;
	for (const letter of letters) {
		const next = lower.indexOf(letter, index + 1);
		if (next < 0) return 0;
		gaps += index < 0 ? 0 : next - index - 1;
		index = next;
	}
	return Math.max(1, 200 - gaps);
}

const most = 50;

/** Shows it. Entries are {name, detail, key, session, act}, the more likely ones first. */
export function openPalette(entries) {
	let shown = [];
	let chosen = 0;
	const list = h("div", { id: "palette-list", class: "palette-list", role: "listbox", "aria-label": "Commands" });
	const field = h("input", {
		type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list", "aria-autocomplete": "list",
		"aria-label": "Find a session or a command", placeholder: "Find a session or a command", autocomplete: "off", spellcheck: "false",
		oninput: () => find(), onkeydown: (event) => {
			const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
			if (step) {
				event.preventDefault();
				choose((chosen + step + shown.length) % Math.max(1, shown.length));
			} else if (event.key === "Enter") {
				event.preventDefault();
				run(shown[chosen]);
			}
		},
	});
	const run = (entry) => {
		if (!entry) return;
		dialog.close();
		entry.act();
	};
	const choose = (index) => {
		list.children[chosen]?.setAttribute("aria-selected", "false");
		chosen = index;
		const element = list.children[index];
		if (!element?.id) return;
		element.setAttribute("aria-selected", "true");
		element.scrollIntoView({ block: "nearest" });
		field.setAttribute("aria-activedescendant", element.id);
	};
	const find = () => {
		const letters = field.value.trim().toLowerCase();
		shown = !letters ? entries.slice(0, most) : entries
			.map((entry, order) => ({ entry, order, score: score(letters, entry.name) || score(letters, `${entry.name} ${entry.detail ?? ""}`) / 2 }))
			.filter((found) => found.score > 0)
			.sort((left, right) => right.score - left.score || left.order - right.order)
			.slice(0, most).map((found) => found.entry);
		replace(list, shown.length ? shown.map((entry, index) => h("div.palette-entry", {
			role: "option", id: `palette-${index}`, "aria-selected": "false", onclick: () => run(entry),
			onpointermove: () => choose(index),
		}, entry.session ? stateIcon(entry.session.shape) : icon("chevron"),
		h("span", entry.name), entry.detail && h("small", entry.detail), entry.key && h("kbd", entry.key)))
			: h("div.quiet-note", "Nothing is called like that."));
		chosen = 0;
		choose(0);
	};
	const dialog = openDialog({ label: "Commands", className: "palette" }, h("div.palette-field", icon("search"), field), list);
	find();
	field.focus();
}
