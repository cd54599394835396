// The engine walks a list without looking at its deadline: a list that pretends to have billions of entries would
// hold the machine. No real one comes near this. Runs before code that could make such a list.
(() => {
  const { apply } = Reflect
  const longest = 1e7
  for (const name of [
    'at', 'concat', 'copyWithin', 'every', 'fill', 'filter', 'find', 'findIndex', 'findLast', 'findLastIndex', 'flat',
    'flatMap', 'forEach', 'includes', 'indexOf', 'join', 'lastIndexOf', 'map', 'reduce', 'reduceRight', 'reverse',
    'shift', 'slice', 'some', 'sort', 'splice', 'toReversed', 'toSorted', 'toSpliced', 'toString', 'unshift', 'with',
  ]) {
    const original = Array.prototype[name]
    const value = function (...given) {
      if (this.length > longest) throw new RangeError(`a list of ${this.length} entries is too long to work on`)
      return apply(original, this, given)
    }
    Object.defineProperty(Array.prototype, name, { value, writable: true, configurable: true })
  }
})()
