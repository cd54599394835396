// Says why it isn't there, to code that mentions what would make a run depend on more than its data.
(() => {
  const put = (owner, name, value) => Object.defineProperty(owner, name, { value, writable: true, configurable: true })
  const gone = (what, instead) =>
    function () {
      throw new TypeError(`${what} is not available in a flow: ${instead}`)
    }
  const clock = gone('Date', "use date(x) for a date you have and today(zone) for the run's day")
  clock.now = clock.parse = clock.UTC = clock
  put(globalThis, 'Date', clock)
  put(globalThis, 'eval', gone('eval', 'write the code into the flow'))
  put(globalThis, 'Function', gone('Function', 'write the code into the flow'))
  put(Math, 'random', gone('Math.random', 'a step that runs again must do the same again'))
})()
