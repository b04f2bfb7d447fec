// Dialogs, their forms, and menus.
import { h, iconButton } from "./dom.js";

export function openDialog({ title, label = title, kind }, ...content) {
	const before = document.activeElement;
	const dialog = h(`dialog.${kind}`, {
		"aria-label": label,
		onclose() {
			dialog.remove();
			before?.focus({ preventScroll: true });
		},
		// A click beside it is a click on its backdrop.
		onmousedown: ({ target }) => target === dialog && dialog.close(),
	}, title && h("header.dialog-head", h("h2", title), iconButton("close", "Close", () => dialog.close())), content);
	document.body.append(dialog);
	dialog.showModal();
	return dialog;
}

// A form whose fields go to `act`. It stays, with the reason, if that fails.
export function Form(content, { verb, kind = "primary", cancel }, act) {
	const trouble = h("p.trouble", { role: "alert" });
	const button = h(`button.${kind}`, { type: "submit", autofocus: kind === "danger" }, verb);
	return h("form", {
		async onsubmit(event) {
			event.preventDefault();
			trouble.textContent = "";
			button.disabled = true;
			try {
				await act(new FormData(event.target));
			} catch (error) {
				trouble.textContent = error.message;
			}
			button.disabled = false;
		},
	}, content, trouble, h("footer", cancel && h("button", { onclick: cancel }, "Cancel"), button));
}

/**
 * Asks with a form, and runs `act` with what was filled in. What ends something is named, and asked for once.
 *
 * @returns what `act` does; null if it was not confirmed.
 */
export const ask = ({ title, verb, isEnd }, content, act) => new Promise((resolve) => {
	let outcome = null;
	const form = Form(content, { verb, kind: isEnd ? "danger" : "primary", cancel: () => dialog.close() }, async (data) => {
		outcome = act(data);
		// How something ends is told by the page.
		if (!isEnd) await outcome;
		dialog.close();
	});
	const dialog = openDialog({ title, kind: "small" }, form);
	dialog.addEventListener("close", () => resolve(outcome));
});

export function openMenu(button, entries) {
	const items = entries.map(({ name, act, isEnd, key }) => h(`button.${isEnd ? "ends" : ""}`, {
		role: "menuitem",
		onclick() {
			menu.hidePopover();
			act();
		},
	}, h("span", name), key && h("kbd", key)));
	const menu = h("div.menu", {
		role: "menu", popover: "auto", "aria-label": button.ariaLabel,
		ontoggle({ newState }) {
			button.setAttribute("aria-expanded", newState === "open");
			if (newState !== "closed") return;
			if (menu.contains(document.activeElement)) button.focus();
			menu.remove();
		},
		onkeydown(event) {
			const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
			if (!step) return;
			event.preventDefault();
			items.at((items.indexOf(document.activeElement) + step) % items.length).focus();
		},
	}, items);
	button.after(menu);
	menu.showPopover();
	const { right, top, bottom } = button.getBoundingClientRect();
	const { offsetWidth: width, offsetHeight: height } = menu;
	menu.style.left = `${Math.max(8, right - width)}px`;
	menu.style.top = `${bottom + height > innerHeight - 12 ? Math.max(8, top - height - 4) : bottom + 4}px`;
	items[0].focus();
}
