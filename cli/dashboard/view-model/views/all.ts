import type { View, ViewName } from '../state/view.js';
import { configsView, secretsView } from './data.js';
import { historyView } from './history.js';
import { jobsView } from './jobs.js';
import { machinesView } from './machines.js';
import { endpointsView, eventsView, imagesView, networksView, volumesView } from './resources.js';
import { projectsView, servicesView } from './services.js';
import { tasksView } from './tasks.js';

export type ListName = Exclude<ViewName, 'home'>;

export const listViews: Readonly<Record<ListName, View>> = {
  machines: machinesView,
  projects: projectsView,
  services: servicesView,
  tasks: tasksView,
  networks: networksView,
  endpoints: endpointsView,
  volumes: volumesView,
  images: imagesView,
  secrets: secretsView,
  configs: configsView,
  history: historyView,
  jobs: jobsView,
  events: eventsView,
};
