/** What a run must fail without instead of skipping: HOLDFAST_REQUIRE, a list split by commas. `kafka` is a real Kafka and
 *  the Java tools that come with it, `kcat` and `python` are foreign clients, `pack` is an install from a registry. */
export function isRequired(name: string): boolean {
  const required = process.env['HOLDFAST_REQUIRE'] ?? ''
  return required.split(',').some((each) => each.trim() === name)
}

export function isKafkaRequired(): boolean {
  return isRequired('kafka')
}
