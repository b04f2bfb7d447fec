// The command palette: sessions, tabs and actions by a few letters.
import { openDialog } from "./dialog.js";
import { h, icon, replace, stateIcon, verbatim } from "./dom.js";

const most = 50;

// How well letters fit a text, in their order; 0 for not at all.
function score(letters, text) {
	const place = text.indexOf(letters);
	if (place >= 0) return 1000 - place - text.length / 100 + (/^$|\W$/.test(text.slice(0, place)) ? 500 : 0);
	let index = -1;
	for (const letter of letters) if ((index = text.indexOf(letter, index + 1)) < 0) return 0;
	return Math.max(1, 200 - index);
}

export function openPalette(entries) {
	let shown = [];
	let chosen = 0;
	const list = h("div.palette-list", { id: "palette", role: "listbox", "aria-label": "Commands" });
	const field = h("input", verbatim, {
		role: "combobox", "aria-expanded": "true", "aria-controls": "palette", "aria-autocomplete": "list",
		"aria-label": "Find a session or a command", placeholder: "Find a session or a command", oninput: find,
		onkeydown(event) {
			const step = { ArrowDown: 1, ArrowUp: -1, Enter: 0 }[event.key];
			if (step === undefined) return;
			event.preventDefault();
			if (!shown.length) return;
			if (step) choose((chosen + step + shown.length) % shown.length);
			else run(shown[chosen]);
		},
	});
	const dialog = openDialog({ label: "Commands", kind: "palette" }, h("div.palette-field", icon("search"), field), list);
	find();
	field.focus();

	function run(entry) {
		dialog.close();
		entry.act();
	}

	function choose(index) {
		list.children[chosen].setAttribute("aria-selected", "false");
		chosen = index;
		list.children[index].setAttribute("aria-selected", "true");
		list.children[index].scrollIntoView({ block: "nearest" });
		field.setAttribute("aria-activedescendant", `palette-${index}`);
	}

	function find() {
		const letters = field.value.trim().toLowerCase();
		const fit = ({ name, detail = "" }) =>
			score(letters, name.toLowerCase()) || score(letters, `${name} ${detail}`.toLowerCase()) / 2;
		shown = (letters ? entries.map((entry) => ({ entry, fit: fit(entry) })).filter(({ fit }) => fit)
			.sort((left, right) => right.fit - left.fit).map(({ entry }) => entry) : entries).slice(0, most);
		replace(list, shown.map((entry, index) => h("div.palette-entry", {
			role: "option", id: `palette-${index}`, "aria-selected": "false", onclick: () => run(entry), onpointermove: () => choose(index),
		}, entry.session ? stateIcon(entry.session.shape) : icon("chevron"),
		h("span", entry.name), h("small", entry.detail), entry.key && h("kbd", entry.key))));
		chosen = 0;
		if (shown.length) choose(0);
		else replace(list, h("div.quiet-note", "Nothing is called like that."));
	}
}
