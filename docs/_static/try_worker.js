// Runs the code of a page in Pyodide, beside the page, which stays alive and can end it.
importScripts("pyodide/pyodide.js");

const started = (async () => {
  const near = (path) => new URL(path, self.location).href;
  const pyodide = await loadPyodide({ indexURL: near("pyodide/") });
  await pyodide.loadPackage("numpy", { messageCallback: () => {} });
  const packages = await fetch(near("pyodide/packages.zip"));
  pyodide.unpackArchive(await packages.arrayBuffer(), "zip");
  return pyodide.runPython("import json, try_console; lambda source: json.dumps(try_console.run(source))");
})();

self.onmessage = async ({ data: { block, source } }) => {
  try {
    const run = await started;
    self.postMessage({ block, ...JSON.parse(run(source)) });
  } catch (error) {
    self.postMessage({ block, text: String(error), pictures: [] });
  }
};
