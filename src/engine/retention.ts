export async function retainLog(..._: unknown[]): Promise<never> { throw new Error('stub') }
