
"use strict";
// Shows the photos of the sample that have all chosen labels, at most `data-size` at a time.
{
  const find = (id) => document.getElementById(id);
  const list = find("photos");
  const status = find("status");
  const heading = find("photos-heading");
  const size = Number(list.dataset.size);
  const cards = [...list.children, ...find("rest").content.children];
  const boxes = [...document.querySelectorAll("#filter input")];
  let page = 0;

  // Facet number -> the places of its values that are ticked.
  const ticked = () => {
    const chosen = new Map();
    for (const box of boxes) {
      if (box.checked) chosen.set(box.name, (chosen.get(box.name) ?? new Set()).add(box.value));
    }
    return [...chosen];
  };

  const show = () => {
    const chosen = ticked();
    const places = (card) => card.dataset.places.split(" ");
    const found = cards.filter((card) => chosen.every(([facet, values]) => values.has(places(card)[facet])));
    const last = Math.max(0, Math.ceil(found.length / size) - 1);
    page = Math.min(Math.max(page, 0), last);
    const first = page * size;
    const visible = found.slice(first, first + size);
    list.replaceChildren(...visible);
    const range = found.length ? `: ${first + 1} to ${first + visible.length} are shown` : "";
    const all = chosen.length ? `${found.length} of ${cards.length} photos of the sample match` : `${cards.length} photos`;
    status.textContent = `${all}${range}.`;
    find("clear").disabled = chosen.length === 0;
    for (const { previous, next, where } of bars) {
      previous.disabled = page === 0;
      next.disabled = page === last;
      where.textContent = `Page ${page + 1} of ${last + 1}`;
    }
  };

  const turn = (by) => {
    page += by;
    show();
    heading.focus();
  };

  const button = (text, by) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", () => turn(by));
    return made;
  };

  const bars = [...document.querySelectorAll("nav.pages")].map((bar) => {
    const made = { previous: button("Previous", -1), where: document.createElement("span"), next: button("Next", 1) };
    bar.replaceChildren(made.previous, made.where, made.next);
    return made;
  });

  const restart = () => {
    page = 0;
    show();
  };
  find("filter").addEventListener("change", restart);
  find("clear").addEventListener("click", () => {
    for (const box of boxes) box.checked = false;
    restart();
    boxes[0]?.closest("details").querySelector("summary").focus();
  });

  document.documentElement.classList.add("js");
  if (matchMedia("(min-width: 60rem)").matches) {
    for (const facet of [...document.querySelectorAll("#filter details")].slice(0, 1)) facet.open = true;
  }
  show();
}
