/** Whether a run without a real Kafka must fail: `kafka` stands in HOLDFAST_REQUIRE, a list split by commas. */
export function isKafkaRequired(): boolean {
  const required = process.env['HOLDFAST_REQUIRE'] ?? ''
  return required.split(',').some((name) => name.trim() === 'kafka')
}
