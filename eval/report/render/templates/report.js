// Draws the figures when they come into view, highlights, filters and orders encoders in all of them, builds tables when
// they are opened, sorts them, tells sources.
{
  const find = (id) => document.getElementById(id);
  const all = (css, root = document) => [...root.querySelectorAll(css)];
  const data = (name) => JSON.parse(find(`data-${name}`).textContent);
  let known;
  // Rows that came as columns: field -> values, or distinct ones and the place of each row's.
  const rowsOf = ({ rows, columns }) => {
    const fields = Object.entries(columns).map(([name, column]) => [
      name, Array.isArray(column) ? (row) => column[row] : (row) => column.words[column.at[row] ?? 0],
    ]);
    return Array.from({ length: rows }, (_, row) => Object.fromEntries(fields.map(([name, value]) => [name, value(row)])));
  };
  const sources = () => {
    if (!known) {
      known = data("sources");
      known.records = rowsOf(known.records);
    }
    return known;
  };

  // An element with texts and elements in it; texts are never read as markup.
  const make = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  const bdi = (text) => make("bdi", {}, text);
  const percent = (value) => `${(100 * value).toFixed(1)}%`;
  const signed = (value) => {
    const points = Math.round(1000 * value) / 10;
    if (points === 0) return "= 0.0";
    return points > 0 ? `▲ +${points.toFixed(1)}` : `▼ −${(-points).toFixed(1)}`;
  };

  // --- themes

  const root = document.documentElement;
  const darkScheme = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : darkScheme.matches);
  const themeButton = find("theme");
  const showTheme = () => {
    themeButton.textContent = isDark() ? "Light" : "Dark";
    themeButton.setAttribute("aria-label", `Use ${isDark() ? "light" : "dark"} colours`);
  };
  themeButton.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    showTheme();
  });
  darkScheme.addEventListener("change", showTheme);
  themeButton.hidden = false;
  showTheme();

  // --- plots: their ink is the page's, so a theme changes nothing in them

  // On a narrow screen the views stand below each other, each with the axes of the first.
  const stacked = (spec) => {
    const width = spec.usermeta.narrow;
    const view = (one) => ({
      ...one, width, ...(one.encoding ? { encoding: spec.concat[0].encoding } : {}),
      ...(one.title ? { title: { ...one.title, limit: width } } : {}),
      ...(typeof one.height === "number" ? { height: Math.min(one.height, width) } : {}),
    });
    return { ...spec, columns: 1, concat: spec.concat.map(view) };
  };
  const narrow = matchMedia("(max-width: 44rem)");
  const charts = new Map(); // place -> {spec, view}
  const config = data("config");
  const draw = async (place) => {
    const spec = charts.get(place)?.spec ?? data(place.dataset.plot);
    if (!Array.isArray(spec.data.values)) spec.data = { values: rowsOf(spec.data) };
    const legend = { ...config.legend, columns: narrow.matches ? 2 : 5 };
    const shown = { ...(narrow.matches ? stacked(spec) : spec), config: { ...config, font: "system-ui, sans-serif", legend } };
    // Expressions are interpreted (ast), as the page forbids eval.
    const options = { actions: false, ast: true, mode: "vega-lite", renderer: "svg" };
    const { view } = await vegaEmbed(place.firstElementChild, shown, options);
    if (!charts.has(place)) addOrder(place, spec);
    charts.set(place, { spec, view });
    await update(place);
  };
  // Charts with rows can be ordered by any of their numbers.
  const addOrder = (place, spec) => {
    const rows = spec.data.values;
    if (spec.concat[0]?.encoding?.y?.field !== "encoder" || new Set(rows.map((row) => row.encoder)).size < 3) return;
    const keys = new Set(rows.map((row) => JSON.stringify([row.view, row.series ?? ""])));
    const choices = [...keys].map((key) => {
      const [view, series] = JSON.parse(key);
      const name = [spec.concat[view].title?.text, series].filter(Boolean).join(": ");
      return make("option", { value: key }, `by ${name || "value"}`);
    });
    const select = make("select", {}, make("option", { value: "" }, "as in all charts"), ...choices);
    select.addEventListener("change", () => update(place));
    place.before(make("label", { class: "order" }, "Order ", select));
  };
  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) {
          observer.unobserve(entry.target);
          draw(entry.target);
        }
      }
    },
    { rootMargin: "600px" },
  );

  // --- highlighting, filtering and ordering encoders

  const boxes = all("#filter input");
  const boardRows = all("#leaderboard tbody tr");
  const picks = boardRows.map((row) => row.querySelector(".pick"));
  const search = find("search");
  const mine = find("mine");
  const order = find("order");
  const families = () => boxes.filter((box) => box.checked).map((box) => box.value);
  const sought = () => search.value.trim().toLowerCase();
  const isSought = (row) => row.dataset.encoder.toLowerCase().includes(sought());
  const highlighted = () =>
    boardRows.filter((row, at) => picks[at].checked || (sought() && isSought(row))).map((row) => row.dataset.encoder);
  const byValue = (pairs) => // names, the largest value first; those without a value last
    pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
      .sort(([, a], [, b]) => b - a).map(([name]) => name);
  // The places of encoders: by a column of the leaderboard, or by the numbers of one series of a chart.
  const ranking = ({ values }, chosen) => {
    if (chosen === "") return [];
    if (!chosen.startsWith("[")) return byValue(boardRows.map((row) => [row.dataset.encoder, row.cells[chosen].dataset.value]));
    const [view, series] = JSON.parse(chosen);
    return byValue(values.filter((row) => row.view === view && (row.series ?? "") === series).map((row) => [row.encoder, row.value]));
  };
  const update = async (place) => {
    const { spec, view } = charts.get(place);
    if (!spec.params.length) return;
    const own = place.parentElement.querySelector(".order select")?.value;
    const ranks = ranking(spec.data, own || order.value);
    await view.signal("families", families()).signal("mine", highlighted()).signal("ranking", ranks).runAsync();
  };
  // A rank goes from 1 and the number of shown encoders whose intervals lie above, to that of those that do not lie below.
  const rerank = () => {
    const ranked = boardRows.filter((row) => !row.hidden && row.querySelector(".rank").dataset.value !== "");
    const ends = ranked.map((row) => row.querySelector(".sensitivity").dataset).map(({ low, high }) => [Number(low), Number(high)]);
    ranked.forEach((row, at) => {
      const first = 1 + ends.filter(([low]) => low > ends[at][1]).length;
      const last = ends.filter(([, high]) => high >= ends[at][0]).length;
      row.querySelector(".rank").textContent = first === last ? first : `${first} to ${last}`;
    });
  };
  const change = () => {
    const chosen = new Set(families());
    for (const row of boardRows) row.hidden = !chosen.has(row.dataset.family);
    rerank();
    for (const row of boardRows) row.hidden ||= Boolean(sought()) && !isSought(row);
    const shown = boardRows.filter((row) => !row.hidden).length;
    find("filtered").textContent = shown < boardRows.length ? `${shown} of ${boardRows.length} encoders are shown.` : "";
    const own = picks.filter((box, at) => boardRows[at].dataset.family === "OWN");
    mine.setAttribute("aria-pressed", own.length > 0 && own.every((box) => box.checked));
    for (const place of charts.keys()) update(place);
  };
  mine.addEventListener("click", () => {
    const on = mine.getAttribute("aria-pressed") !== "true";
    picks.forEach((box, at) => { if (boardRows[at].dataset.family === "OWN") box.checked = on; });
    change();
  });
  for (const box of picks) box.addEventListener("change", change);
  search.addEventListener("input", change);
  order.addEventListener("change", change);
  find("filter").addEventListener("change", change);
  mine.hidden = !boardRows.some((row) => row.dataset.family === "OWN");
  all("#leaderboard thead th").forEach((head, column) => {
    if (boardRows.some((row) => row.cells[column].classList.contains("number")) && head.textContent !== "Rank") {
      order.append(make("option", { value: column }, `by ${head.textContent.toLowerCase()}`));
    }
  });
  if (boardRows.length > 1) {
    find("tools").hidden = false;
    for (const box of picks) box.hidden = false;
  }

  for (const place of all("[data-plot]")) observer.observe(place);
  narrow.addEventListener("change", () => [...charts.keys()].forEach(draw));

  // --- tables: sorting

  const valueOf = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.value ?? cell.textContent.trim();
    if (text === "") return null;
    const number = Number(text);
    return Number.isNaN(number) ? text.toLowerCase() : number;
  };
  // Cells without a value come last, whatever the direction.
  const sort = (body, column, direction) => {
    const rows = [...body.rows].filter((row) => !row.classList.contains("stated"));
    const stated = [...body.rows].filter((row) => row.classList.contains("stated"));
    const keyed = rows.map((row) => [valueOf(row, column), row]);
    keyed.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return direction * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
    });
    body.append(...stated, ...keyed.map(([, row]) => row));
  };
  const makeSortable = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    const titles = heads.map((head) => head.firstChild.textContent); // a narrow screen has no room for columns
    for (const row of table.tBodies[0].rows) [...row.cells].forEach((cell, column) => { cell.dataset.label = titles[column]; });
    heads.forEach((head, column) => {
      const button = make("button", { type: "button" }, ...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const first = head.classList.contains("number") && head.textContent !== "Rank" ? "descending" : "ascending";
        const now = head.getAttribute("aria-sort");
        const next = now === "ascending" ? "descending" : now === "descending" ? "ascending" : first;
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", next);
        sort(table.tBodies[0], column, next === "ascending" ? 1 : -1);
      });
    });
  };

  // --- tables: building

  const numberCell = ([value, low, high, record, difference, n]) => {
    if (value === null) {
      const gap = make("span", { class: "gap", title: low }, make("span", { "aria-hidden": "true" }, "–"));
      gap.append(make("span", { class: "unseen" }, low));
      return make("td", { class: "number", "data-value": "" }, gap);
    }
    const shown = typeof record !== "number" ? percent(value) : make("a", { href: `#r${record}` }, percent(value));
    const cell = make("td", { class: "number", "data-value": value }, shown);
    if (typeof low === "number" && typeof high === "number") {
      cell.append(make("span", { class: "interval" }, `${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)}`));
    }
    if (n) cell.append(make("span", { class: "interval" }, n));
    if (typeof difference === "number") cell.append(make("span", { class: "difference" }, signed(difference)));
    return cell;
  };
  const cellOf = (value, place, isMetric) => {
    if (Array.isArray(value)) return numberCell(value);
    if (typeof value === "number") return make("td", { class: "number" }, percent(value));
    if (place === 0) return make("th", { scope: "row", class: "key" }, bdi(value));
    return make("td", { class: isMetric ? "number" : "text" }, bdi(value ?? ""));
  };
  const buildTable = (name, label) => {
    const { caption, columns, rows, stated } = data(name);
    const head = columns.map(([title, help, isMetric, n], place) => {
      const kind = `${isMetric ? "number" : "text"}${place === 0 ? " key" : ""}`;
      const of = n ? [make("span", { class: "interval" }, n)] : [];
      return make("th", { scope: "col", class: kind, ...(help ? { title: help } : {}) }, title, ...of);
    });
    const row = (cells, stated) =>
      make("tr", stated ? { class: "stated" } : {}, ...cells.map((cell, at) => cellOf(cell, at, columns[at][2])));
    const ours = rows.map((cells) => row(cells, false));
    const theirs = stated.map((cells) => row(cells, true));
    const table = make("table", {}, make("caption", {}, caption), make("thead", {}, make("tr", {}, ...head)));
    table.append(make("tbody", {}, ...theirs, ...ours));
    makeSortable(table);
    return make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label }, table);
  };
  for (const details of all("details[data-table]")) {
    details.addEventListener("toggle", () => {
      if (details.open && details.children.length === 1) {
        details.append(buildTable(details.dataset.table, details.dataset.label));
      }
    });
  }
  all("table[data-sortable]").forEach(makeSortable);

  // --- sources

  const dialog = find("source");
  const pairs = (entries) => make("dl", {}, ...entries.flatMap(([name, value]) => [
    make("dt", {}, bdi(name)),
    make("dd", {}, typeof value === "string" ? bdi(value) : value),
  ]));
  const part = (title, entries) => (entries.length ? [make("h3", {}, title), pairs(entries)] : []);
  const record = (place) => {
    const { records, settings: allSettings, versions: allVersions, files: allFiles } = sources();
    const { path, encoder, family, task, dataset, subject, settings, versions, files, seconds, reason, photos } = records[place];
    const what = [["Record", path], ["Encoder", encoder], ["Family", family || "not known"], ["Task", task], ["Data set", dataset], ["Photos", photos]];
    if (subject) what.push(["Label", subject]);
    if (reason) what.push(["No number", reason]);
    what.push(["Took", `${seconds} s`]);
    const hashes = files.map((file) => [allFiles[file][0], make("span", { class: "hash" }, allFiles[file][1])]);
    return [`${task}${subject ? `, ${subject}` : ""}`, [
      pairs(what), ...part("Settings", allSettings[settings]), ...part("Made with", allVersions[versions]), ...part("Made of", hashes),
    ]];
  };
  const composition = (place) => {
    const { encoders, parts } = data("compositions");
    const { encoder, value, parts: mine, cells, lacking } = encoders[place];
    const body = [make("p", {}, value === null ? "No measurement that counts." : `Trace sensitivity ${percent(value)}: the mean of the parts below.`)];
    for (const [name, share] of mine) {
      if (share === null) continue;
      const of_part = cells.filter(([its]) => its === name);
      const rows = of_part.map(([, label, number, from]) => [label, make("a", { href: `#r${from}` }, percent(number))]);
      body.push(make("h3", {}, `${parts[name][0]}: ${percent(share)} `, make("span", { class: "formula" }, parts[name][1].replaceAll(" - ", " − "))), pairs(rows));
    }
    if (lacking.length) body.push(make("h3", {}, "Not measured"), make("ul", {}, ...lacking.map((text) => make("li", {}, bdi(text)))));
    return [encoder, body];
  };
  const TARGET = /^#([re])(\d+)$/;
  const open = (hash) => {
    const [, kind, place] = TARGET.exec(hash) ?? [];
    const length = kind === "r" ? sources().records.length : boardRows.length;
    if (!kind || Number(place) >= length) return;
    const [title, body] = kind === "r" ? record(place) : composition(place);
    find("source-title").replaceChildren(bdi(title));
    find("source-body").replaceChildren(...body);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    find("source-title").focus();
  };
  document.addEventListener("click", (event) => {
    const hash = event.target.closest?.("a[href^='#']")?.getAttribute("href");
    if (hash && TARGET.test(hash)) {
      event.preventDefault();
      open(hash);
    }
    if (event.target === dialog) dialog.close();
  });
  find("close").addEventListener("click", () => dialog.close());

  find("all-records").addEventListener("toggle", ({ target }) => {
    if (target.children.length > 1) return;
    const byEncoder = new Map();
    sources().records.forEach(({ path, encoder }, place) => {
      const link = make("li", {}, make("a", { href: `#r${place}` }, bdi(path)));
      byEncoder.set(encoder, [...(byEncoder.get(encoder) ?? []), link]);
    });
    for (const [encoder, links] of byEncoder) {
      const summary = make("summary", {}, bdi(encoder), ` (${links.length})`);
      target.append(make("details", {}, summary, make("ul", {}, ...links)));
    }
  });

  // --- links into the page, and print

  const reveal = () => {
    if (TARGET.test(location.hash)) open(location.hash);
    const target = location.hash.length > 1 && find(decodeURIComponent(location.hash.slice(1)));
    const closed = target && target.closest("details:not([open])");
    if (closed) {
      closed.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", reveal);
  reveal();
  addEventListener("beforeprint", () => {
    for (const place of all("[data-plot]")) if (place.checkVisibility() && !charts.has(place)) draw(place);
  });
}
