/** A third-party company that offers agents. */
export interface Provider {
  readonly id: string;
  readonly name: string;
  readonly domains: readonly string[];
  readonly contact?: string;
  readonly status: 'pending' | 'active' | 'suspended';
  readonly statusReason?: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}
