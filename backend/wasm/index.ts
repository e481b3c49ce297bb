import * as tf from '@tensorflow/tfjs';
import { kernelOf } from './composition';
import type { KernelCall, WasmKernel } from './composition';
import { conv2DBackpropFilter, conv2DBackpropInput } from './conv2d';
import { sliceWith, stockKernel, tileWith } from './data-movement';
import { depthwiseBackpropFilter, depthwiseBackpropInput } from './depthwise';
import { matrixProductWith } from './matrix-product';
import { convolutionWith, poolingWith } from './padding';
import { avgPoolGrad, maxPoolGrad } from './pooling';

const convolutions = [tf.Conv2D, tf.FusedConv2D, tf.DepthwiseConv2dNative, tf.FusedDepthwiseConv2D];

let installed = false;

/**
 * Lets the WASM backend train convolutional networks: adds the gradient kernels it lacks, and
 * replaces those that are wrong or slow.
 *
 * Added: the filter gradient of Conv2D, both gradients of DepthwiseConv2dNative. Replaced: the input
 * gradient of Conv2D, AvgPoolGrad, BatchMatMul, Slice and Tile (slow), MaxPoolGrad (wrong), and the
 * padding of convolutions and pooling where it was wrong. Callable before or after the backend is
 * initialised; further calls do nothing.
 *
 * @throws Error when '@tensorflow/tfjs-backend-wasm' has not been imported
 */
export function installWasmKernels(): void {
  if (installed) return;
  kernelOf(tf.Conv2D); // throws where there is no WASM backend to add to
  add(tf.Conv2DBackpropFilter, conv2DBackpropFilter);
  add(tf.DepthwiseConv2dNativeBackpropInput, depthwiseBackpropInput);
  add(tf.DepthwiseConv2dNativeBackpropFilter, depthwiseBackpropFilter);
  replace(tf.Conv2DBackpropInput, () => conv2DBackpropInput);
  replace(tf.MaxPoolGrad, () => maxPoolGrad);
  replace(tf.AvgPoolGrad, () => avgPoolGrad);
  for (const convolution of convolutions) replace(convolution, convolutionWith);
  for (const pooling of [tf.MaxPool, tf.AvgPool]) replace(pooling, poolingWith);
  replace(tf.BatchMatMul, matrixProductWith);
  replace(tf.Slice, sliceWith);
  replace(tf.Tile, tileWith);
  installed = true;
}

function add(kernelName: string, kernel: WasmKernel, stock?: tf.KernelConfig): void {
  const kernelFunc: tf.KernelFunc = (call) => kernel(call as unknown as KernelCall);
  // The set-up of the replaced kernel stays: the backend may not be initialised yet.
  tf.registerKernel({ ...stock, kernelName, backendName: 'wasm', kernelFunc });
}

function replace(kernelName: string, kernelWith: (stock: WasmKernel) => WasmKernel): void {
  const stock = kernelOf(kernelName);
  const kernel = kernelWith(stockKernel(kernelName));
  tf.unregisterKernel(kernelName, 'wasm');
  add(kernelName, kernel, stock);
}
