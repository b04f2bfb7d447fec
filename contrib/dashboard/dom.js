// Elements. They are made here, never from markup, so that a session's text can't become anything but text.

/**
 * Makes an element: a tag with classes, as in "div.row", then attributes and children in any order. Attributes that begin
 * with "on" are listeners; what is false, null or undefined is left out. Children are nodes, texts, or lists of them.
 */
export function h(spec, ...parts) {
	const [tag, ...classes] = spec.split(".");
	const element = document.createElement(tag);
	if (classes.length) element.className = classes.join(" ");
	if (tag === "button") element.type = "button";
	for (const part of parts) {
		if (part?.constructor !== Object) append(element, part);
		else for (const name in part) set(element, name, part[name]);
	}
	return element;
}

function set(element, name, value) {
	if (value === false || value === null || value === undefined) return;
	if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
	else if (name === "class") element.className = [element.className, value].flat().filter(Boolean).join(" ");
	else if (name === "value" || name === "checked") element[name] = value;
	else element.setAttribute(name, value === true ? "" : value);
}

export function append(element, children) {
	element.append(...[children].flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
	return element;
}

/** Changes a text only where it differs: a screen reader hears of changes alone. */
export function setText(element, text) {
	if (element.textContent !== text) element.textContent = text;
}

export function setClass(element, name, isOn) {
	element.classList.toggle(name, Boolean(isOn));
}

export function replace(element, ...children) {
	element.replaceChildren();
	return append(element, children);
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
	const element = document.createElementNS(SVG, tag);
	for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
	element.append(...children);
	return element;
}

/** Line drawings of 16 by 16. */
const drawings = {
	back: "M10 3 5 8l5 5",
	close: "M4 4l8 8M12 4l-8 8",
	down: "M8 3v10M4 9l4 4 4-4",
	chevron: "M6 4l4 4-4 4",
	more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
	plus: "M8 3v10M3 8h10",
	search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.5 10.5 14 14",
	up: "M8 13V3M4 7l4-4 4 4",
};

export function icon(name) {
	return svg("svg", { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" },
		svg("path", { d: drawings[name] }));
}

/** A state has a shape of its own, so that its colour is never the only sign. */
const shapes = {
	running: ["M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3z", "fill"],
	starting: ["M8 3a5 5 0 0 0 0 10z", "fill", "M8 3a5 5 0 0 1 0 10"],
	paused: ["M4.5 3.5h2.5v9H4.5zM9 3.5h2.5v9H9z", "fill"],
	backoff: ["M12.5 8a4.5 4.5 0 1 1-1.4-3.2M12.5 2.8v2.7H9.8", "line"],
	stopping: ["M4 4h8v8H4z", "line"],
	exited: ["M8 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z", "line"],
	failed: ["M4 4l8 8M12 4l-8 8", "line"],
	stuck: ["M8 2.5 14 13H2zM8 6.5v3M8 11.2v.1", "line"],
	lost: ["M3.5 8h9", "line"],
	attention: ["M8 2v7.5M8 13v.2", "line"],
};

export function stateIcon(state, word) {
	const [path, kind, outline] = shapes[state] ?? shapes.lost;
	const element = svg("svg", { viewBox: "0 0 16 16", class: `state ${state}`, role: "img", "aria-label": word ?? state });
	element.append(svg("path", { d: path, class: kind }));
	if (outline) element.append(svg("path", { d: outline, class: "line" }));
	return element;
}

/** Remembers small things about how someone likes the page. */
export const memory = {
	get(name, otherwise) {
		try {
			return JSON.parse(localStorage.getItem(`keeper.${name}`)) ?? otherwise;
		} catch {
			return otherwise;
		}
	},
	set(name, value) {
		try {
			localStorage.setItem(`keeper.${name}`, JSON.stringify(value));
		} catch {
			// A full or forbidden storage: then it is forgotten.
		}
	},
};

/** Runs a function once before the next picture, however often it is asked for. */
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
