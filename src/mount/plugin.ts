import type { PluginOptions, RunningPlugin } from './docker-plugin/index.ts'

/** `startPlugin` of the volume plugin, which is loaded for that: whoever delivers a model speaks to nobody. */
export async function startPlugin(options: PluginOptions): Promise<RunningPlugin> {
  const plugin = await import('./docker-plugin/index.ts')
  return plugin.startPlugin(options)
}
