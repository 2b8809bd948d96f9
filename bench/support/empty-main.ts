/** A process that does nothing but say that it is there: what Node itself takes to start. */
process.on("disconnect", () => {
  process.exit();
});
process.send?.({ port: 0 });
