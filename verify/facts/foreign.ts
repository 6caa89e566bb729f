export const foreignFacts = async () => []
