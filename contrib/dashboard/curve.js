// A curve of the last figures, as small as a word.
import { h } from "./dom.js";

export const curveLength = 40;
const width = 48;
const height = 14;

// @param least its top stands for at least this: rest looks like rest.
export function Curve(least) {
	const area = h("path.area");
	const line = h("path");
	let drawn = "";
	return {
		element: h("svg.icon.curve", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, area, line),
		update(values) {
			const top = Math.max(least, ...values);
			const step = width / (curveLength - 1);
			const start = width - (values.length - 1) * step;
			const points = values.map((value, index) =>
				`${(start + index * step).toFixed(1)} ${(height - 1 - (value / top) * (height - 2)).toFixed(1)}`);
			const path = points.length > 1 ? `M${points.join("L")}` : "";
			if (path === drawn) return;
			drawn = path;
			line.setAttribute("d", path);
			area.setAttribute("d", path && `${path}V${height}H${start.toFixed(1)}z`);
		},
	};
}
