export const produceFacts = async () => []
