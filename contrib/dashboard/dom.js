// Elements and small helpers. Elements are made here, never from markup: a session's text can only become text.

/**
 * Makes an element: a tag with classes, as in "div.row", then attributes and children in any order. Attributes that begin
 * with "on" are listeners; what is false, null or undefined is left out.
 */
export function h(spec, ...parts) {
	const [tag, ...classes] = spec.split(".");
	const element = tag === "svg" || tag === "path"
		? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
	if (classes.length) element.setAttribute("class", classes.join(" "));
	if (tag === "button") element.type = "button";
	for (const part of parts) {
		if (part?.constructor !== Object) append(element, part);
		else for (const name in part) set(element, name, part[name]);
	}
	return element;
}

function set(element, name, value) {
	if (value === false || value == null) return;
	if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
	else if (name === "value" || name === "checked") element[name] = value;
	else element.setAttribute(name, value === true ? "" : value);
}

function append(element, ...children) {
	element.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
}

export function replace(element, ...children) {
	element.replaceChildren();
	append(element, children);
}

export function setText(element, text) {
	if (element.textContent !== text) element.textContent = text;
}

export const setClass = (element, name, isOn) => element.classList.toggle(name, Boolean(isOn));

export const verbatim = { autocomplete: "off", autocapitalize: "off", spellcheck: "false" };

export const iconButton = (name, label, onclick, more) =>
	h("button.icon-button", { title: label, "aria-label": label, onclick }, more, icon(name));

// @param choices values with their texts, or values that are their own texts.
export const select = (label, choices, more) => h("select", { "aria-label": label }, choices.map((choice) => {
	const [value, text] = [choice].flat();
	return h("option", { value }, text ?? value);
}), more);

// Whether keys are at hand: taking the focus on a phone would open its keyboard.
export const hasKeyboard = () => matchMedia("(pointer: fine)").matches;

const drawings = {
	back: "M10 3 5 8l5 5", close: "M4 4l8 8M12 4l-8 8", down: "M8 3v10M4 9l4 4 4-4", chevron: "M6 4l4 4-4 4",
	more: "M3.5 8h.01M8 8h.01M12.5 8h.01", plus: "M8 3v10M3 8h10", up: "M8 13V3M4 7l4-4 4 4",
	search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.5 10.5 14 14",
};

export const icon = (name) =>
	h("svg.icon", { viewBox: "0 0 16 16", "aria-hidden": "true" }, h("path", { d: drawings[name] }));

// A state has a shape of its own, so that its colour is never the only sign: what is filled, and what is drawn.
const shapes = {
	running: ["M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3z"],
	starting: ["M8 3a5 5 0 0 0 0 10z", "M8 3a5 5 0 0 1 0 10"],
	paused: ["M4.5 3.5h2.5v9H4.5zM9 3.5h2.5v9H9z"],
	backoff: ["", "M12.5 8a4.5 4.5 0 1 1-1.4-3.2M12.5 2.8v2.7H9.8"],
	stopping: ["", "M4 4h8v8H4z"],
	exited: ["", "M8 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z"],
	failed: ["", drawings.close],
	stuck: ["", "M8 2.5 14 13H2zM8 6.5v3M8 11.2v.1"],
	lost: ["", "M3.5 8h9"],
	attention: ["", "M8 2v7.5M8 13v.2"],
};

export function stateIcon(state, word = state) {
	const [filled, drawn] = shapes[state] ?? shapes.lost;
	return h(`svg.icon.state.${state}`, { viewBox: "0 0 16 16", role: "img", "aria-label": word },
		filled && h("path.fill", { d: filled }), drawn && h("path", { d: drawn }));
}

// Small things that the browser keeps: how someone likes the page. A forbidden storage forgets them.
export const memory = {
	get(name, otherwise, storage = "localStorage") {
		try {
			return JSON.parse(window[storage].getItem(`keeper.${name}`)) ?? otherwise;
		} catch {
			return otherwise;
		}
	},
	set(name, value, storage = "localStorage") {
		try {
			window[storage].setItem(`keeper.${name}`, JSON.stringify(value));
		} catch { /* Then it is not there after a reload. */ }
	},
};

// Runs a function once before the next picture, however often it is asked for.
export function oncePerFrame(work) {
	let isAsked = false;
	return () => {
		if (isAsked) return;
		isAsked = true;
		requestAnimationFrame(() => {
			isAsked = false;
			work();
		});
	};
}

const happenings = new EventTarget();
export const on = (name, act) => happenings.addEventListener(name, ({ detail }) => act(detail));
export const emit = (name, detail) => happenings.dispatchEvent(new CustomEvent(name, { detail }));
