export async function verifyLog(..._: unknown[]): Promise<never> { throw new Error('stub') }
