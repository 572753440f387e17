import { hubRepository, type ServerLayout } from '../../model/index.ts'

/** How a server finds a model in a target that is laid out for it. `source` is what `docker run -v` mounts, `path` the link in it. */
export function layoutUsage(
  layout: ServerLayout,
  { source, options, path }: { readonly source: string; readonly options: string; readonly path: string },
): string {
  const usages: Readonly<Record<ServerLayout, string>> = {
    triton: `-v ${source}:/models:${options} … tritonserver --model-repository=/models/.ballast/repository`,
    tfserving: `-v ${source}:/models:${options} -e MODEL_NAME=${path} tensorflow/serving`,
    hf: `-v ${source}:/hub:${options} -e HF_HUB_CACHE=/hub -e HF_HUB_OFFLINE=1 …   (it asks for ${hubRepository(path)})`,
  }
  return `  docker run ${usages[layout]}`
}
