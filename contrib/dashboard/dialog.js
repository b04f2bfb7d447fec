// Dialogs and menus.
import { append, h, icon } from "./dom.js";

/** Shows a dialog. Its end removes it, and gives the focus back. */
export function openDialog({ title, label, className = "" }, ...content) {
	const before = document.activeElement;
	const heading = title && h("header.dialog-head", h("h2", title),
		h("button.icon-button", { "aria-label": "Close", onclick: () => dialog.close() }, icon("close")));
	const dialog = h("dialog", { class: className, "aria-label": label ?? title }, heading, content);
	dialog.addEventListener("close", () => {
		dialog.remove();
		before?.focus?.({ preventScroll: true });
	});
	// A click beside it is a click on its backdrop.
	dialog.addEventListener("mousedown", (event) => event.target === dialog && dialog.close());
	document.body.append(dialog);
	dialog.showModal();
	return dialog;
}

/**
 * Asks before something ends.
 *
 * @returns {Promise<object|null>} what was chosen in the fields; null if it was not confirmed.
 */
export function confirmEnding({ title, text, verb, fields = [] }) {
	return new Promise((resolve) => {
		let answer = null;
		const form = h("form", { method: "dialog", class: "confirmation" },
			h("h2", title), h("p", text), fields,
			h("footer", h("button", { onclick: () => dialog.close() }, "Cancel"),
				h("button", { type: "submit", class: "danger", autofocus: true }, verb)));
		form.addEventListener("submit", () => (answer = Object.fromEntries(new FormData(form))));
		const dialog = openDialog({ label: title, className: "small" }, form);
		dialog.addEventListener("close", () => resolve(answer));
	});
}

/** Shows a menu below a button. Entries are {name, act, isDanger, hint}, or null for a line between them. */
export function openMenu(button, entries) {
	const menu = h("div.menu", { role: "menu", popover: "auto", "aria-label": button.textContent });
	append(menu, entries.map((entry) => entry === null ? h("hr") : h("button", {
		type: "button", role: "menuitem", class: entry.isDanger && "ends", onclick: () => {
			menu.hidePopover();
			entry.act();
		},
	}, h("span", entry.name), entry.hint && h("kbd", entry.hint))));
	document.body.append(menu);
	menu.addEventListener("toggle", (event) => {
		button.setAttribute("aria-expanded", String(event.newState === "open"));
		if (event.newState !== "closed") return;
		const wasInside = menu.contains(document.activeElement);
		menu.remove();
		if (wasInside) button.focus();
	});
	menu.addEventListener("keydown", (event) => {
		const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
		if (!step) return;
		event.preventDefault();
		const items = [...menu.querySelectorAll("button")];
		items.at((items.indexOf(document.activeElement) + step) % items.length).focus();
	});
	menu.showPopover();
	const box = button.getBoundingClientRect();
	const { offsetWidth, offsetHeight } = menu;
	menu.style.left = `${Math.max(8, Math.min(box.right - offsetWidth, innerWidth - offsetWidth - 8))}px`;
	const below = box.bottom + 4;
	menu.style.top = `${below + offsetHeight > innerHeight - 8 ? Math.max(8, box.top - offsetHeight - 4) : below}px`;
	menu.querySelector("button")?.focus();
}
