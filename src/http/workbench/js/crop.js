// A piece of the photo, cut out for somebody to read.
import { h } from './dom.js';

/** @typedef {import('./types.js').Polygon} Polygon */

/**
 * The piece of a picture where something stands, as large as wanted.
 * @param {HTMLImageElement} image
 * @param {Polygon} polygon in pixels of `size`
 * @param {[number, number]} size
 */
export function crop(image, polygon, size) {
  const [p0, p1, , p3] = /** @type {[number, number][]} */ (polygon);
  if (!p0 || !p1 || !p3) return null;
  const width = Math.hypot(p1[0] - p0[0], p1[1] - p0[1]);
  const height = Math.hypot(p3[0] - p0[0], p3[1] - p0[1]);
  if (width < 4 || height < 4) return null;
  const pad = height * 0.45;
  const scale = Math.min(3, 40 / height, 420 / (width + 2 * pad));
  const canvas = h('canvas', { class: 'crop', 'aria-hidden': 'true' });
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round((width + 2 * pad) * scale * ratio);
  canvas.height = Math.round((height + 2 * pad) * scale * ratio);
  canvas.style.width = `${canvas.width / ratio}px`;
  canvas.style.height = `${canvas.height / ratio}px`;
  const context = canvas.getContext('2d');
  if (!context) return null;
  const [ux, uy] = [(p1[0] - p0[0]) / width, (p1[1] - p0[1]) / width];
  const [vx, vy] = [-uy, ux];
  const k = scale * ratio;
  // Turned so that the text's own top left becomes the canvas's.
  context.setTransform(
    k * ux,
    k * vx,
    k * uy,
    k * vy,
    -k * (ux * p0[0] + uy * p0[1]) + k * pad,
    -k * (vx * p0[0] + vy * p0[1]) + k * pad,
  );
  context.imageSmoothingQuality = 'high';
  context.drawImage(image, 0, 0, size[0], size[1]);
  return canvas;
}
