export const offsetFacts = async () => []
