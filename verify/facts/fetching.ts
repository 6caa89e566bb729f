export const fetchFacts = async () => []
