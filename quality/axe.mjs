// Opens pages in one browser, at three widths, in light and dark, and looks at them with axe-core.
// In: the browser's program, then names of files. Out: one JSON object per finding and line, {checker, file, rule, message}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const WIDTHS = [760, 375, 320];
const SCHEMES = ["light", "dark"];
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
// a message is shown inside of the page of a mail program, which has the landmarks
const OPTIONS = {
  rules: { "landmark-one-main": { enabled: false }, region: { enabled: false } },
  resultTypes: ["violations"],
};

const [program, ...files] = process.argv.slice(2);
const tell = (checker, file, rule, message) => console.log(JSON.stringify({ checker, file, rule, message }));

const browser = await puppeteer.launch({
  executablePath: program,
  headless: true,
  // the sandbox wants rights that a container does not give; the pages are our own and run no scripts but axe
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run"],
});
try {
  const page = await browser.newPage();
  let current = "";
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    const url = request.url();
    if (url === pathToFileURL(current).href || url.startsWith("data:")) return void request.continue();
    tell("browser", current, "network", `asks for ${url}`);
    request.abort();
  });
  for (const file of files) {
    current = file;
    await page.goto(pathToFileURL(file).href);
    await page.evaluate(axe);
    if (await page.evaluate(() => document.compatMode) !== "CSS1Compat")
      tell("browser", file, "quirks-mode", "not in standards mode");
    for (const scheme of SCHEMES) {
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      for (const width of WIDTHS) {
        await page.setViewport({ width, height: 800 });
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        if (wide > width) tell("browser", file, "horizontal-scroll", `${wide} px wide at ${width} px`);
        const { violations } = await page.evaluate((options) => window.axe.run(document, options), OPTIONS);
        for (const { id, help, nodes } of violations)
          tell("axe", file, id, `${help}, ${nodes.length} times at ${width} px, ${scheme}: ${nodes[0].html.slice(0, 120)}`);
      }
    }
  }
} finally {
  await browser.close();
}
