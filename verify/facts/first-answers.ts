export const firstAnswerFacts = async () => []
