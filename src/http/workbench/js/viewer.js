// The photo: original, page or heat map, with boxes; zoom, pan, turn, loupe.
import { h, icon, put, s } from './dom.js';
import { bounds, moved, points } from './geometry.js';
import { t } from './i18n.js';
import { picture } from './cases.js';
import { button, failure, kbd } from './ui.js';

/** @typedef {import('./types.js').Doc} Doc */
/** @typedef {import('./types.js').Polygon} Polygon */
/** @typedef {'original'|'page'|'heatmap'} Layer */

const LAYERS = /** @type {Layer[]} */ (['original', 'page', 'heatmap']);
const LOUPE = 2.6;
const LOUPE_SIZE = 230;
const MOST = 8;

export class Viewer {
  /** @param {{ claim: string, onPick: (field: string) => void, onHover: (field: string|null) => void }} options */
  constructor({ claim, onPick, onHover }) {
    this.claim = claim;
    this.onPick = onPick;
    this.onHover = onHover;
    /** @type {Doc|null} */
    this.doc = null;
    this.index = 0;
    /** @type {Layer} */
    this.layer = 'original';
    this.boxes = true;
    this.loupe = false;
    this.turn = 0;
    this.scale = 1;
    this.pan = [0, 0];
    /** @type {Set<string>} */
    this.troubled = new Set();
    /** @type {{ fields: string[], regions: Polygon[] }} */
    this.lit = { fields: [], regions: [] };
    this.fitted = true;
    this.drawing = 0;
    this.dragged = false;
    this.stand = false;
    /** @type {[number, number]} */
    this.size = [1, 1];

    this.image = h('img', { class: 'photo', alt: '', draggable: 'false' });
    this.overlay = s('svg', { class: 'overlay', 'aria-hidden': 'true' });
    this.stage = h('div', { class: 'stage' }, this.image, this.overlay);
    this.glass = h('img', { alt: '', draggable: 'false' });
    this.loupeBox = h('div', { class: 'loupe', hidden: true }, this.glass);
    this.message = h('div', { class: 'viewer-message' });
    this.canvas = h(
      'div',
      { class: 'viewer-canvas', role: 'img', tabindex: '0' },
      this.stage,
      this.loupeBox,
      this.message,
    );
    this.tools = h('div', { class: 'viewer-tools', role: 'toolbar', 'aria-label': t('viewer.tools') });
    this.legend = h('div', { class: 'viewer-legend' });
    this.element = h(
      'section',
      { class: 'viewer', 'aria-label': t('viewer.label') },
      this.tools,
      this.canvas,
      this.legend,
    );
    this.pointers = new Map();
    this.listen();
    this.watch = new ResizeObserver(() => {
      if (this.fitted) this.fit();
      else this.place();
    });
    this.watch.observe(this.canvas);
  }

  /** @param {Doc} doc @param {number} index @param {Set<string>} troubled */
  show(doc, index, troubled) {
    this.doc = doc;
    this.index = index;
    this.troubled = troubled;
    this.turn = 0;
    this.fitted = true;
    this.lit = { fields: [], regions: [] };
    if (this.layer === 'heatmap' && !doc.authenticity.heatmap) this.layer = 'original';
    return this.draw();
  }

  /** @param {Layer} layer */
  setLayer(layer) {
    if (layer === 'heatmap' && !this.doc?.authenticity.heatmap) return;
    this.layer = layer;
    void this.draw();
  }

  async draw() {
    const doc = this.doc;
    if (!doc) return;
    const drawing = ++this.drawing;
    this.drawTools();
    this.drawLegend();
    put(this.message);
    const busy = setTimeout(() => {
      if (drawing === this.drawing) put(this.message, t('viewer.loading'));
    }, 150);
    try {
      let found = await picture(this.claim, this.index, this.layer);
      if (!found && this.layer === 'original') {
        // A PDF or HEIC that the browser does not draw: the page is the same paper.
        this.layer = 'page';
        found = await picture(this.claim, this.index, 'page');
        this.stand = true;
      } else {
        this.stand = false;
      }
      if (drawing !== this.drawing) return;
      put(this.message, found ? null : t('viewer.none'));
      this.stage.hidden = !found;
      if (found) {
        const [width, height] = this.layer === 'page' ? doc.page_size : doc.size;
        this.size = [width, height];
        this.image.src = found.url;
        this.glass.src = found.url;
        for (const element of [this.image, this.overlay, this.glass]) {
          element.style.width = `${width}px`;
          element.style.height = `${height}px`;
        }
        this.overlay.setAttribute('viewBox', `0 0 ${width} ${height}`);
        this.canvas.setAttribute(
          'aria-label',
          t('viewer.alt', { source: doc.source, layer: t(`layer.${this.layer}`) }),
        );
        this.drawBoxes();
        if (this.fitted) this.fit();
        else this.place();
      }
      this.drawTools();
    } catch (error) {
      if (drawing === this.drawing)
        put(
          this.message,
          failure(error, () => void this.draw()),
        );
    } finally {
      clearTimeout(busy);
    }
  }

  /** A place of the upload, as it lies on what is shown. @param {Polygon} polygon */
  here(polygon) {
    return this.layer === 'page' && this.doc ? moved(polygon, this.doc.upload_to_page) : polygon;
  }

  drawBoxes() {
    const doc = this.doc;
    put(this.overlay);
    if (!doc) return;
    if (this.boxes && this.layer !== 'heatmap') {
      for (const [field, { polygon }] of Object.entries(doc.fields)) {
        if (polygon?.length)
          this.overlay.append(this.box(this.here(polygon), this.troubled.has(field) ? 'trouble' : 'field', field));
      }
      for (const item of doc.items) this.overlay.append(this.box(this.here(item.polygon), 'item'));
      for (const code of doc.qr) this.overlay.append(this.box(this.here(code.polygon), 'item'));
    }
    for (const signal of doc.authenticity.signals) {
      if (!signal.alarm) continue;
      for (const suspect of signal.suspects) {
        if (suspect.score < signal.limit) continue;
        this.overlay.append(this.box(this.here(suspect.polygon), 'suspect', suspect.field));
        if (suspect.like) this.overlay.append(this.box(this.here(suspect.like), 'like'));
      }
    }
    const lit = [...this.lit.fields.map((field) => doc.fields[field]?.polygon ?? []), ...this.lit.regions].filter(
      (one) => one.length,
    );
    // A place that several reasons speak of is lit once.
    const distinct = new Map(lit.map((polygon) => [points(polygon), polygon]));
    for (const polygon of distinct.values()) this.overlay.append(this.box(this.here(polygon), 'lit'));
  }

  /** @param {Polygon} polygon @param {string} kind @param {string} [field] */
  box(polygon, kind, field) {
    return s('polygon', {
      class: `box ${kind}`,
      points: points(polygon),
      'vector-effect': 'non-scaling-stroke',
      'data-field': field ?? null,
      on: field
        ? {
            pointerenter: () => this.onHover(field),
            pointerleave: () => this.onHover(null),
            click: () => {
              if (!this.dragged) this.onPick(field);
            },
          }
        : {},
    });
  }

  /**
   * Lights up fields and places.
   * @param {string[]} fields
   * @param {Polygon[]} [regions]
   * @param {boolean} [go] moves there too
   */
  light(fields, regions = [], go = false) {
    this.lit = { fields, regions };
    this.drawBoxes();
    if (!go) return;
    const all = [...fields.map((field) => this.doc?.fields[field]?.polygon ?? []), ...regions].filter(
      (one) => one.length,
    );
    const box = bounds(all.map((one) => this.here(one)));
    if (box) this.goTo(box);
  }

  /** @param {{ x: number, y: number, width: number, height: number }} box */
  goTo(box) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const fit = this.fitScale();
    const wanted = Math.min((width * 0.5) / Math.max(box.width, 1), (height * 0.4) / Math.max(box.height, 1));
    this.scale = Math.max(fit, Math.min(wanted, 1.4, fit * 2.6));
    const [w, h0] = this.size;
    const [dx, dy] = this.turned(box.x + box.width / 2 - w / 2, box.y + box.height / 2 - h0 / 2);
    this.pan = this.kept(-dx * this.scale, -dy * this.scale);
    this.fitted = false;
    this.place(true);
  }

  /** @param {number} x @param {number} y @returns {[number, number]} */
  turned(x, y) {
    return (
      /** @type {[number, number][]} */ ([
        [x, y],
        [-y, x],
        [-x, -y],
        [y, -x],
      ])[this.turn] ?? [x, y]
    );
  }

  /** Keeps the picture in sight. @param {number} x @param {number} y @returns {[number, number]} */
  kept(x, y) {
    const [w, h0] = this.size;
    const [width, height] = this.turn % 2 ? [h0, w] : [w, h0];
    const mx = Math.max(0, (width * this.scale - this.canvas.clientWidth) / 2 + 40);
    const my = Math.max(0, (height * this.scale - this.canvas.clientHeight) / 2 + 40);
    return [Math.max(-mx, Math.min(mx, x)), Math.max(-my, Math.min(my, y))];
  }

  fitScale() {
    const [w, h0] = this.size;
    const [width, height] = this.turn % 2 ? [h0, w] : [w, h0];
    return Math.min((this.canvas.clientWidth - 24) / width, (this.canvas.clientHeight - 24) / height);
  }

  fit() {
    this.fitted = true;
    this.scale = Math.max(0.02, this.fitScale());
    this.pan = [0, 0];
    this.place();
  }

  /** @param {number} by @param {{ x: number, y: number }} [at] from the middle of the canvas */
  zoom(by, at = { x: 0, y: 0 }) {
    const before = this.scale;
    this.scale = Math.max(this.fitScale() * 0.6, Math.min(MOST, before * by));
    const grown = this.scale / before;
    this.pan = this.kept(at.x - (at.x - (this.pan[0] ?? 0)) * grown, at.y - (at.y - (this.pan[1] ?? 0)) * grown);
    this.fitted = false;
    this.place();
  }

  rotate() {
    this.turn = (this.turn + 1) % 4;
    this.fit();
  }

  place(smooth = false) {
    const [w, h0] = this.size;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.stage.classList.toggle('smooth', smooth);
    this.stage.style.transform =
      `translate(${width / 2 + (this.pan[0] ?? 0)}px, ${height / 2 + (this.pan[1] ?? 0)}px) ` +
      `rotate(${this.turn * 90}deg) scale(${this.scale}) translate(${-w / 2}px, ${-h0 / 2}px)`;
  }

  setLoupe(/** @type {boolean} */ on) {
    this.loupe = on;
    this.loupeBox.hidden = true;
    this.canvas.classList.toggle('with-loupe', on);
    this.drawTools();
  }

  /** @param {PointerEvent} event */
  moveLoupe(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const [w, h0] = this.size;
    let [dx, dy] = [
      (x - box.width / 2 - (this.pan[0] ?? 0)) / this.scale,
      (y - box.height / 2 - (this.pan[1] ?? 0)) / this.scale,
    ];
    [dx, dy] = /** @type {[number, number][]} */ ([
      [dx, dy],
      [dy, -dx],
      [-dx, -dy],
      [-dy, dx],
    ])[this.turn] ?? [dx, dy];
    const scale = Math.max(LOUPE * this.scale, 1.6);
    this.loupeBox.hidden = false;
    this.loupeBox.style.transform = `translate(${x - LOUPE_SIZE / 2}px, ${y - LOUPE_SIZE / 2}px)`;
    this.glass.style.transform =
      `translate(${LOUPE_SIZE / 2}px, ${LOUPE_SIZE / 2}px) rotate(${this.turn * 90}deg) scale(${scale}) ` +
      `translate(${-(dx + w / 2)}px, ${-(dy + h0 / 2)}px)`;
  }

  listen() {
    const at = (/** @type {{ clientX: number, clientY: number }} */ event) => {
      const box = this.canvas.getBoundingClientRect();
      return { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
    };
    this.canvas.addEventListener(
      'wheel',
      (event) => {
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), at(event));
      },
      { passive: false },
    );
    this.canvas.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      this.pointers.set(event.pointerId, at(event));
      this.dragged = false;
    });
    this.canvas.addEventListener('pointermove', (event) => {
      if (this.loupe && event.pointerType === 'mouse') this.moveLoupe(event);
      const before = this.pointers.get(event.pointerId);
      if (!before) return;
      const now = at(event);
      if (this.pointers.size === 2) {
        const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
        const grown =
          Math.hypot(now.x - other.x, now.y - other.y) /
          Math.max(20, Math.hypot(before.x - other.x, before.y - other.y));
        this.zoom(grown, { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
      } else if (this.dragged || Math.hypot(now.x - before.x, now.y - before.y) > 3) {
        if (!this.dragged) this.canvas.setPointerCapture(event.pointerId);
        this.dragged = true;
        this.pan = this.kept((this.pan[0] ?? 0) + now.x - before.x, (this.pan[1] ?? 0) + now.y - before.y);
        this.fitted = false;
        this.place();
      } else {
        return;
      }
      this.pointers.set(event.pointerId, now);
    });
    for (const end of ['pointerup', 'pointercancel']) {
      this.canvas.addEventListener(end, (event) => this.pointers.delete(/** @type {PointerEvent} */ (event).pointerId));
    }
    this.canvas.addEventListener('pointerleave', () => {
      this.loupeBox.hidden = true;
    });
    this.canvas.addEventListener('dblclick', () => this.fit());
  }

  drawTools() {
    const has = (/** @type {Layer} */ layer) => layer !== 'heatmap' || Boolean(this.doc?.authenticity.heatmap);
    put(
      this.tools,
      h(
        'div',
        { class: 'segments', role: 'group', 'aria-label': t('viewer.layers') },
        LAYERS.map((layer, index) =>
          h(
            'button',
            {
              type: 'button',
              'aria-pressed': String(layer === this.layer),
              disabled: !has(layer),
              title: `${t(`layer.${layer}`)} (${index + 1})`,
              on: { click: () => this.setLayer(layer) },
            },
            t(`layer.${layer}`),
          ),
        ),
      ),
      button([icon('boxes'), h('span', { class: 'wide-only' }, t('viewer.boxes'))], () => this.toggleBoxes(), {
        class: 'plain',
        'aria-pressed': String(this.boxes),
        title: `${t('viewer.boxes')} (B)`,
        disabled: this.layer === 'heatmap',
      }),
      h('span', { class: 'grow' }),
      button(icon('minus'), () => this.zoom(1 / 1.3), {
        class: 'plain icon',
        'aria-label': t('viewer.out'),
        title: `${t('viewer.out')} (−)`,
      }),
      button(icon('plus'), () => this.zoom(1.3), {
        class: 'plain icon',
        'aria-label': t('viewer.in'),
        title: `${t('viewer.in')} (+)`,
      }),
      button(icon('fit'), () => this.fit(), {
        class: 'plain icon',
        'aria-label': t('viewer.fit'),
        title: `${t('viewer.fit')} (0)`,
      }),
      button(icon('turn'), () => this.rotate(), {
        class: 'plain icon',
        'aria-label': t('viewer.turn'),
        title: `${t('viewer.turn')} (R)`,
      }),
      button(icon('loupe'), () => this.setLoupe(!this.loupe), {
        class: 'plain icon',
        'aria-label': t('viewer.loupe'),
        title: `${t('viewer.loupe')} (L)`,
        'aria-pressed': String(this.loupe),
      }),
    );
  }

  toggleBoxes() {
    this.boxes = !this.boxes;
    this.drawBoxes();
    this.drawTools();
  }

  drawLegend() {
    const doc = this.doc;
    const signals = doc?.authenticity.signals ?? [];
    const mute = signals.filter((one) => !one.applicable).length;
    const alarms = signals.filter((one) => one.alarm).length;
    if (this.layer === 'heatmap' && doc) {
      put(
        this.legend,
        h(
          'div',
          { class: 'row small' },
          h('span', { class: 'key-mark hot' }),
          t('heat.above'),
          h('span', { class: 'key-mark mild' }),
          t('heat.below'),
          h('span', { class: 'key-mark blank' }),
          t('heat.none'),
        ),
        h(
          'p',
          { class: `small ${alarms ? 'bad' : 'warn'}` },
          alarms ? t('heat.alarms', { n: alarms }) : t('heat.clean', { mute, all: signals.length }),
        ),
      );
    } else if (this.stand) {
      put(this.legend, h('p', { class: 'small quiet' }, t('viewer.not_shown')));
    } else if (this.boxes) {
      put(
        this.legend,
        h(
          'div',
          { class: 'row small quiet' },
          h('span', { class: 'key-mark trouble' }),
          t('boxes.trouble'),
          h('span', { class: 'key-mark field' }),
          t('boxes.field'),
          h('span', { class: 'key-mark item' }),
          t('boxes.item'),
          alarms > 0 && [h('span', { class: 'key-mark suspect' }), t('boxes.suspect')],
        ),
      );
    } else {
      put(this.legend);
    }
  }

  /** @returns {import('./keys.js').Binding[]} */
  bindings() {
    return [
      ...LAYERS.map((layer, index) => ({
        keys: [String(index + 1)],
        what: /** @type {const} */ (`layer.${layer}`),
        act: () => this.setLayer(layer),
      })),
      { keys: ['b'], what: 'viewer.boxes', act: () => this.toggleBoxes() },
      { keys: ['+', '='], what: 'viewer.in', act: () => this.zoom(1.3), shown: ['+'] },
      { keys: ['-'], what: 'viewer.out', act: () => this.zoom(1 / 1.3) },
      { keys: ['0'], what: 'viewer.fit', act: () => this.fit() },
      { keys: ['r'], what: 'viewer.turn', act: () => this.rotate() },
      { keys: ['l'], what: 'viewer.loupe', act: () => this.setLoupe(!this.loupe) },
      {
        keys: ['ArrowLeft', 'ArrowRight', 'Shift+ArrowUp', 'Shift+ArrowDown'],
        what: 'viewer.move',
        act: (event) => {
          const [x, y] = { ArrowLeft: [90, 0], ArrowRight: [-90, 0], ArrowUp: [0, 90], ArrowDown: [0, -90] }[
            event.key
          ] ?? [0, 0];
          this.pan = this.kept((this.pan[0] ?? 0) + (x ?? 0), (this.pan[1] ?? 0) + (y ?? 0));
          this.fitted = false;
          this.place(true);
        },
      },
    ];
  }

  close() {
    this.watch.disconnect();
  }
}
