// A curve of the last figures, as small as a word.
import { svg } from "./dom.js";

const width = 48;
const height = 14;

export class Curve {
	#area = svg("path", { class: "area" });
	#line = svg("path", { class: "line" });
	#drawn = "";

	/** @param least the curve's top stands for at least this: rest looks like rest. */
	constructor(least) {
		this.least = least;
		this.element = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "curve", "aria-hidden": "true" }, this.#area, this.#line);
	}

	update(values) {
		const top = Math.max(this.least, ...values);
		const step = width / 39;
		const start = width - (values.length - 1) * step;
		const points = values.map((value, index) => {
			const y = height - 1 - (Math.max(0, value) / top) * (height - 2);
			return `${(start + index * step).toFixed(1)} ${y.toFixed(1)}`;
		});
		const path = points.length > 1 ? `M${points.join("L")}` : "";
		if (path === this.#drawn) return;
		this.#drawn = path;
		this.#line.setAttribute("d", path);
		this.#area.setAttribute("d", path && `${path}L${width} ${height}L${start.toFixed(1)} ${height}z`);
	}
}
