:root { color-scheme: light dark; --page: #fff; --text: #1a1a1a; --line: #c9c9c9; --fault: #b3261e; --quiet: #5c5c5c; --card: #f6f6f6; --bar: #d5e3f5; --link: #0b57d0; }
@media (prefers-color-scheme: dark) {
  :root { --page: #121212; --text: #e8e8e8; --line: #444; --fault: #ff8a80; --quiet: #a8a8a8; --card: #1e1e1e; --bar: #24405f; --link: #8ab4f8; }
}
* { box-sizing: border-box; }
body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 90rem; overflow-wrap: anywhere; }
html { background: var(--page); color: var(--text); }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
h1 { margin: 0 0 .5rem; line-height: 1.2; }
h2 { font-size: 1.15rem; margin: 0 0 .5rem; }
h3 { font-size: 1rem; margin: 0; line-height: 1.3; }
p { margin: 0 0 .5rem; max-width: 48rem; }
.banner { border: 2px solid var(--fault); border-radius: .4rem; color: var(--fault); padding: .4rem .7rem; max-width: none; }
.quiet, figcaption, footer { color: var(--quiet); font-size: .82rem; }
footer { border-top: 1px solid var(--line); margin-top: 1.5rem; padding-top: .7rem; }
.pages { margin: .7rem 0; display: flex; flex-wrap: wrap; gap: .4rem; align-items: center; }
.pages a, .pages strong { min-width: 2rem; padding: .15rem .4rem; text-align: center; border: 1px solid var(--line); border-radius: .3rem; }
.pages strong { background: var(--bar); }
button { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: .3rem; padding: .25rem .7rem; cursor: pointer; }
button:disabled { color: var(--quiet); cursor: default; opacity: .6; }
article { border: 1px solid var(--line); border-radius: .4rem; padding: .7rem; background: var(--card); min-width: 0; }
article p { margin: .1rem 0; }
figure { margin: 0; }
img { max-width: 100%; height: auto; display: block; border-radius: .2rem; }
dl { margin: .4rem 0; display: grid; grid-template-columns: auto 1fr; gap: 0 .6rem; font-size: .82rem; }
dt { color: var(--quiet); }
dd { margin: 0; }
.missing { display: grid; place-items: center; min-height: 6rem; border: 1px dashed var(--line); border-radius: .2rem; padding: .7rem; text-align: center; color: var(--quiet); font-size: .82rem; }
